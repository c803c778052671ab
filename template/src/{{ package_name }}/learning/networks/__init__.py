"""Candidates that are PyTorch's networks: what they have in common, the training loop, export."""
