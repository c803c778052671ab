"""Made-up support tickets to start with: `python -m` writes them. Delete this once your own data is in."""
