"""People's files: the one door to the object store, and what a file is."""
