"""The machinery of the service."""
