"""How fast the service is, beside a plain service of the same model: `make bench`. Nothing here is served."""
