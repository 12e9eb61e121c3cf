"""Language and theme."""
