"""One channel connection."""
