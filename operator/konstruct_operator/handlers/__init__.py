"""The edge: kopf's watches of our kinds, the probes, the canary.

A handler puts a key on the queue and returns. Here never belongs work on a tenant.
"""
