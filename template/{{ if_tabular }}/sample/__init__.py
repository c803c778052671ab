"""Made-up customers to start with: `python -m` writes them. Delete this once your own data is in."""
