"""People's files: the one door to the object store, what a file is, and links to it."""
