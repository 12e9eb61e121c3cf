"""Observe, check, plan, apply, report: five calls for each tenant, and the queue that orders them.

Here never belong kopf, nor requests to the API server but through `cluster`.
"""
