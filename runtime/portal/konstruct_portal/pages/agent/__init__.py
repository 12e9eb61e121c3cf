"""One agent and its form."""
