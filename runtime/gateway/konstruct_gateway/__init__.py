"""Public webhooks and sockets, the internal work and registry API, sender and sweeper."""
