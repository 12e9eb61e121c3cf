"""The one door to the gateway's registry API: sessions, pushes, tombstones, demand.

Here never belongs a decision about a tenant, nor Kubernetes.
"""
