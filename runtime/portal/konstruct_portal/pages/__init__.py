"""Pages: one folder each, with its routes and templates; pages are unaware of each other."""
