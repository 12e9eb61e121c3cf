"""Held messages, refusals and controls: each once, whatever is repeated and by how many."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from konstruct_messages.inbound import Ignored, InboundMessage
from konstruct_store import Store, access, controls
from konstruct_store.errors import TenantIdErased
from support.build import inbound
from support.postgres import Database

pytestmark = pytest.mark.postgres

AGENT = (UUID(int=7), "Ana")


async def refuse(store: Store, tenant: UUID, connection: UUID, number: int, **over: Any) -> bool:
    message = inbound("hi", conversation_key=f"D{number}", dedupe_keys=(f"m{number}",))
    values: dict[str, Any] = {"agent": AGENT, "text": "Sorry.", "sends": True} | over
    noted = Ignored(reason="stranger", dedupe_keys=(f"event/{number}",))
    said = await access.refuse(store, tenant, connection, message, noted, **values)
    return said is not None


async def deliveries(database: Database) -> list[str]:
    connection = await asyncpg.connect(database.owner_url)
    try:
        rows = await connection.fetch("SELECT text FROM konstruct.deliveries")
        return [row["text"] for row in rows]
    finally:
        await connection.close()


async def test_many_at_once_are_told_once(gateway_store: Store, database: Database) -> None:
    tenant, connection = uuid4(), uuid4()
    said = await asyncio.gather(
        *(refuse(gateway_store, tenant, connection, number) for number in range(6) for _ in "xy")
    )
    assert sum(said) == 1
    assert await deliveries(database) == ["Sorry."]
    # Another connection, and another tenant, know nothing of it.
    assert await refuse(gateway_store, tenant, uuid4(), 1)
    assert await refuse(gateway_store, uuid4(), connection, 1)


async def test_nobody_is_told_where_there_is_nothing_to_say(
    gateway_store: Store, database: Database
) -> None:
    tenant, connection = uuid4(), uuid4()
    assert not await refuse(gateway_store, tenant, connection, 1, text="")
    assert await refuse(gateway_store, tenant, connection, 2)
    assert await deliveries(database) == ["Sorry."]


async def test_what_waits_waits_once_and_in_order(gateway_store: Store) -> None:
    tenant, connection = uuid4(), uuid4()
    messages: list[InboundMessage] = [
        inbound(f"{n}", conversation_key="D1", dedupe_keys=(f"event/{n}", f"message/{n}"))
        for n in range(3)
    ]
    for message in messages:
        payload = {"text": message.text}
        assert await access.hold(gateway_store, tenant, connection, message, payload)
        twin = message.model_copy(update={"dedupe_keys": ("event/x", message.dedupe_keys[-1])})
        assert not await access.hold(gateway_store, tenant, connection, twin, payload)
    found = await access.held(gateway_store, tenant)
    assert [one.payload["text"] for one in found] == ["0", "1", "2"]
    person = messages[0].person.key
    known = await access.known(
        gateway_store, tenant, connection, person_key=person, conversation_key="D1"
    )
    assert (known.standing, known.waits) == ("", True)
    for one in found:
        await access.release(gateway_store, tenant, one.held_id)
    await access.learn(
        gateway_store, tenant, connection, person_key=person, standing="Guest", language="es"
    )
    place: dict[str, Any] = {"person_key": person, "conversation_key": "D1"}
    known = await access.known(gateway_store, tenant, connection, **place)
    assert (known.standing, known.language, known.waits) == ("Guest", "es", False)
    old = await access.known(gateway_store, tenant, connection, seconds=0.0, **place)
    assert (old.standing, old.language) == ("", "es")


async def test_nothing_is_held_or_said_for_a_tenant_that_is_being_erased(
    gateway_store: Store, database: Database
) -> None:
    tenant, connection = uuid4(), uuid4()
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(
            "INSERT INTO konstruct.registry_claims"
            " (tenant_id, name, uid, session, sequence, version, state)"
            " VALUES ($1, 'gone', 'u', 1, 1, 1, 'Erasing')",
            tenant,
        )
    finally:
        await owner.close()
    with pytest.raises(TenantIdErased):
        await access.hold(gateway_store, tenant, connection, inbound("x"), {})
    with pytest.raises(TenantIdErased):
        await refuse(gateway_store, tenant, connection, 1)


async def test_what_is_noted_says_whether_it_is_new(gateway_store: Store) -> None:
    tenant, connection = uuid4(), uuid4()
    ignored = Ignored(reason="opened", dedupe_keys=("event/1",))
    assert await controls.note(gateway_store, tenant, connection, ignored)
    assert not await controls.note(gateway_store, tenant, connection, ignored)
    for _ in range(2):
        bare = Ignored(reason="opened")
        assert await controls.note(gateway_store, tenant, connection, bare)
