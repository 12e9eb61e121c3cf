"""Identities: typed UUIDs, and how the stable ones are derived from names."""

import uuid
from typing import NewType

TenantId = NewType("TenantId", uuid.UUID)
AgentId = NewType("AgentId", uuid.UUID)
ConnectionId = NewType("ConnectionId", uuid.UUID)
PersonId = NewType("PersonId", uuid.UUID)

PORTAL_CONNECTION = "portal"
"""The reserved connection over which the portal talks to every agent of a tenant."""


def agent_id(tenant_id: TenantId, name: str) -> AgentId:
    """Return the stored id of the Agent called `name`: it survives a rebuilt cluster."""
    return AgentId(uuid.uuid5(tenant_id, f"agent/{name}"))


def connection_id(tenant_id: TenantId, name: str) -> ConnectionId:
    """Return the stored id of the ChannelConnection called `name`."""
    return ConnectionId(uuid.uuid5(tenant_id, f"connection/{name}"))


def person_id(tenant_id: TenantId, connection: ConnectionId, key: str) -> PersonId:
    """Return the id of the person a channel calls `key` on one connection."""
    return PersonId(uuid.uuid5(tenant_id, f"person/{connection}/{key}"))
