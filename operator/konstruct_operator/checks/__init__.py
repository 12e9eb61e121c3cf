"""What is right and what is wrong with a tenant, and what to do about it. Pure.

Each check is a function named as a sentence; it returns a Finding whose reason and message stand in
the resource's condition and on the portal's pages, word for word.
"""

from konstruct_operator.checks.conditions import (
    agent_conditions,
    connection_conditions,
    orphan_conditions,
    recheck_after,
    refused,
    template_conditions,
    tenant_conditions,
)
from konstruct_operator.checks.connections import credentials_version, webhook_url
from konstruct_operator.checks.tenants import provider_keys_version

__all__ = [
    "agent_conditions",
    "connection_conditions",
    "credentials_version",
    "orphan_conditions",
    "provider_keys_version",
    "recheck_after",
    "refused",
    "template_conditions",
    "tenant_conditions",
    "webhook_url",
]
