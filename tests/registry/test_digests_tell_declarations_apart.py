"""Two equal declarations share a digest, however often they are sealed; different ones never do."""

import uuid
from typing import Any

import pytest
from nacl.public import PrivateKey

from konstruct_registry import wire
from konstruct_registry.seals import seal
from konstruct_registry.snapshot import (
    AgentSnapshot,
    Budget,
    ConnectionSnapshot,
    SealedSecret,
    TenantSnapshot,
    revision_of,
)

TENANT = uuid.UUID("0f6a3f5e-4b0c-4c2b-9d27-6a1f0c5be7a1")
KEY = PrivateKey(b"k" * 32)
OTHER_KEY = PrivateKey(b"o" * 32)


def secret(key: PrivateKey = KEY, version: str = "7", uid: str = "uid-1") -> SealedSecret:
    return seal(
        {"botToken": "fake"},
        recipient=key.public_key,
        tenant_id=TENANT,
        object_name="ChannelConnection/slack",
        purpose="channel",
        secret_uid=uid,
        secret_resource_version=version,
    )


def agent(**over: Any) -> AgentSnapshot:
    fields = {"agent_id": uuid.UUID(int=1), "name": "ana", "display_name": "Ana", "revision": ""}
    return AgentSnapshot.model_validate({**fields, **over})


def tenant(**over: Any) -> TenantSnapshot:
    fields = {
        "tenant_id": TENANT,
        "name": "acme",
        "uid": "tenant-uid",
        "display_name": "Acme",
        "agents": (agent(),),
        "secrets": (secret(),),
    }
    return TenantSnapshot.model_validate({**fields, **over})


def test_sealing_again_keeps_the_digest() -> None:
    one, other = secret(), secret()
    assert one.ciphertext != other.ciphertext
    assert tenant(secrets=(one,)).digest() == tenant(secrets=(other,)).digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"secrets": (secret(version="8"),)},
        {"secrets": (secret(uid="uid-2"),)},
        {"secrets": (secret(OTHER_KEY),)},
        {"secrets": ()},
        {"agents": (agent(instructions="Ask first."),)},
        {"agents": ()},
        {"display_name": "Acme 2"},
        {"budget": Budget(monthly_micro_usd=1)},
        {"work_token_hashes": ("00",)},
    ],
    ids=lambda one: next(iter(one)),
)
def test_every_difference_changes_the_digest(changed: dict[str, Any]) -> None:
    assert tenant(**changed).digest() != tenant().digest()


def test_the_digest_survives_the_wire() -> None:
    snapshot = tenant()
    push = wire.Push(session=1, sequence=1, digest=snapshot.digest(), snapshot=snapshot)
    received = wire.Push.model_validate_json(push.model_dump_json(by_alias=True))
    assert received == push
    assert received.snapshot.digest() == received.digest


def test_the_wire_is_camel_case_and_ignores_what_a_newer_peer_adds() -> None:
    document = tenant().model_dump(mode="json", by_alias=True)
    assert document["displayName"] == "Acme"
    assert TenantSnapshot.model_validate({**document, "inventedLater": 1}) == tenant(
        secrets=tuple(document["secrets"])
    )


def test_an_agents_revision_covers_everything_but_itself() -> None:
    named = agent(revision=revision_of(agent()))
    assert revision_of(named) == named.revision
    assert revision_of(agent(persona="Kind.")) != named.revision
    assert revision_of(agent(tools=({"name": "time"},))) != named.revision


def test_agents_and_connections_are_found_by_name() -> None:
    connection = ConnectionSnapshot(
        connection_id=uuid.UUID(int=2), name="website", type="WebChat", agent="ana"
    )
    snapshot = tenant(connections=(connection,))
    assert snapshot.agent("ana") == agent()
    assert snapshot.agent("bia") is None
    assert snapshot.connection("website") == connection
    assert snapshot.connection("ana") is None
