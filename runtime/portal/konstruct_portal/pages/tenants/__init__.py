"""All tenants."""
