"""What happens after deployment: drift of the records that arrive."""
