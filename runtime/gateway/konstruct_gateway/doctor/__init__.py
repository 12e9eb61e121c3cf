"""Whether every connection is in order: looked at from time to time, and whenever somebody asks."""
