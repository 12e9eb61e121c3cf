"""People's files: taken from web chat, fetched from vendors, served by expiring links."""
