"""How fast the service is, and what a plain service of the same model would be: `make bench`. Nothing here is served."""
