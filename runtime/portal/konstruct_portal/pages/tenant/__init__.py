"""One tenant."""
