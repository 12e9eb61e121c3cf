"""Webhooks: what vendors tell about connections, from the raw bytes to the store."""
