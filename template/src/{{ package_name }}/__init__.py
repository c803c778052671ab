"""From raw records to a monitored model service."""
