"""A month's usage."""
