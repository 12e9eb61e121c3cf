"""The built-in tools: one module each, with its schema, and whether it may be run twice."""
