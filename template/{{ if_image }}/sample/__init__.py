"""Made-up photos to start with: `python -m` draws them. Delete this once your own data is in."""
