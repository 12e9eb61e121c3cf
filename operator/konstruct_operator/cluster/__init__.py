"""The one door to the Kubernetes API: requests, watched children, the Lease.

Plain dictionaries go in and come out; errors are those of konstruct_operator.errors. Here never
belongs a decision about a tenant.
"""
