"""Builders: whole values with plain defaults; a test says only what matters to it."""

from itertools import count
from typing import Any
from uuid import UUID, uuid4

from konstruct_messages.identity import TenantId, agent_id, connection_id
from konstruct_messages.inbound import InboundMessage, Person
from konstruct_registry.snapshot import (
    AgentSnapshot,
    ConnectionSnapshot,
    TenantSnapshot,
    revision_of,
)

TENANT = UUID("7e7e7e7e-0000-4000-8000-000000000001")

_numbers = count(1)


def tenant_snapshot(**over: Any) -> TenantSnapshot:
    """Return tenant `acme` with agent `ana` and the web chat `website`, unless said otherwise."""
    tenant = over.pop("tenant_id", TENANT)
    return TenantSnapshot(
        **{
            "tenant_id": tenant,
            "name": "acme",
            "uid": "uid-1",
            "display_name": "Acme",
            "language": "en",
            "agents": (agent_snapshot(tenant_id=tenant),),
            "connections": (connection_snapshot(tenant_id=tenant),),
            **over,
        }
    )


def agent_snapshot(**over: Any) -> AgentSnapshot:
    """Return the agent `ana` of TENANT (or of `tenant_id`) with its right revision."""
    tenant = TenantId(over.pop("tenant_id", TENANT))
    name = over.pop("name", "ana")
    plain = AgentSnapshot(
        **{
            "agent_id": agent_id(tenant, name),
            "name": name,
            "display_name": name.capitalize(),
            "revision": "",
            "role": "Assistant",
            **over,
        }
    )
    return plain.model_copy(update={"revision": over.get("revision") or revision_of(plain)})


def connection_snapshot(**over: Any) -> ConnectionSnapshot:
    """Return the web chat `website` of TENANT (or of `tenant_id`), answered by `ana`."""
    tenant = TenantId(over.pop("tenant_id", TENANT))
    name = over.pop("name", "website")
    return ConnectionSnapshot(
        **{
            "connection_id": connection_id(tenant, name),
            "name": name,
            "type": "WebChat",
            "agent": "ana",
            "config": {"visitors": "Allowed"},
            **over,
        }
    )


def inbound(text: str = "hello", **over: Any) -> InboundMessage:
    """Return a message of visitor `v1` in conversation `c1`, with a dedupe key of its own."""
    number = next(_numbers)
    client_id = over.get("client_id", f"m{number}")
    person = over.pop("person_key", "visitor:v1")
    return InboundMessage(
        **{
            "conversation_key": "c1",
            "dedupe_keys": (f"{client_id}:{uuid4()}",),
            "client_id": client_id,
            "person": Person(key=person, display_name="Vera", language="en"),
            "text": text,
            **over,
        }
    )
