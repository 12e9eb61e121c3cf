"""Whose turn it is to be sent for: tenants and connections in rotation, and nothing dropped."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from konstruct_messages.inbound import InboundMessage
from konstruct_messages.replies import LogKind
from konstruct_store import Store, outbox, people
from konstruct_store.outbox import Delivery
from konstruct_store.statements import statement
from support.build import connection_snapshot, inbound, tenant_snapshot
from support.working import Office

pytestmark = pytest.mark.postgres

FLOOD = 10_000
_FLOOD = """
INSERT INTO konstruct.conversations (
    tenant_id, conversation_id, connection_id, conversation_key, agent_id, agent_name, person_id,
    person_key
)
SELECT $1, md5('c' || n)::uuid, $2, 'flood-' || n, $2, 'Ana', $2, 'p'
FROM generate_series(1, $3) AS n
"""
_QUEUED = """
INSERT INTO konstruct.deliveries (
    tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state
)
SELECT $1, md5('d' || n)::uuid, md5('c' || n)::uuid, $2, md5('d' || n)::uuid, 0, 1, 'x', 'Queued'
FROM generate_series(1, $3) AS n
"""
_DUE = """
INSERT INTO konstruct.delivery_dispatch (tenant_id, conversation_id, connection_id, due_at)
SELECT $1, md5('c' || n)::uuid, $2, now() - interval '1 minute' FROM generate_series(1, $3) AS n
"""


async def flood(office: Office, connection_id: UUID, count: int = FLOOD) -> None:
    """Queue one delivery in each of many conversations, due for a minute."""
    for statement_ in (_FLOOD, _QUEUED, _DUE):
        await office.run(statement_, office.tenant_id, connection_id, count)


async def reply(office: Office, text: str, *, key: str = "c1") -> None:
    message: InboundMessage = inbound("x", conversation_key=key)
    await office.write(message)
    await office.complete(await office.must_claim(), text, sends=True)


def of(claimed: list[Delivery]) -> Counter[UUID]:
    return Counter(one.tenant_id for one in claimed)


async def test_a_tenant_with_ten_thousand_waiting_delays_nobody(gateway_store: Store) -> None:
    flooded = Office(gateway_store)
    await flood(flooded, flooded.connection_id)
    others = [Office(gateway_store, tenant_snapshot(tenant_id=uuid4())) for _ in range(3)]
    for office in others:
        await reply(office, "hello")
    claimed = await outbox.claim_deliveries(gateway_store, limit=8)
    assert of(claimed)[flooded.tenant_id] == 5
    assert all(of(claimed)[office.tenant_id] == 1 for office in others)
    # Not even when there is room for one each only.
    [*again] = await outbox.claim_deliveries(gateway_store, limit=2)
    assert of(again)[flooded.tenant_id] == 2


async def test_what_is_being_sent_counts_against_the_tenants_share(gateway_store: Store) -> None:
    flooded = Office(gateway_store)
    await flood(flooded, flooded.connection_id, 20)
    other = Office(gateway_store, tenant_snapshot(tenant_id=uuid4()))
    await reply(other, "hello")
    busy = {flooded.tenant_id: 3}
    claimed = await outbox.claim_deliveries(gateway_store, per_tenant=4, busy=busy)
    assert of(claimed) == {flooded.tenant_id: 1, other.tenant_id: 1}
    busy = {flooded.tenant_id: 4}
    assert await outbox.claim_deliveries(gateway_store, per_tenant=4, busy=busy) == []


async def test_a_tenants_connections_take_turns(gateway_store: Store) -> None:
    team = connection_snapshot(name="team")
    website = connection_snapshot(name="website")
    office = Office(gateway_store, tenant_snapshot(connections=(website, team)))
    await flood(office, team.connection_id)
    await reply(office, "hello")
    claimed = await outbox.claim_deliveries(gateway_store, limit=2)
    assert {one.connection_id for one in claimed} == {team.connection_id, website.connection_id}


async def test_a_connection_that_is_held_back_gets_no_attempt(gateway_store: Store) -> None:
    team = connection_snapshot(name="team")
    website = connection_snapshot(name="website")
    office = Office(gateway_store, tenant_snapshot(connections=(website, team)))
    await flood(office, team.connection_id, 5)
    await reply(office, "hello")
    claimed = await outbox.claim_deliveries(gateway_store, held_back=[team.connection_id])
    assert [one.text for one in claimed] == ["hello"]
    rows = await office.run(
        "SELECT max(attempt) AS most FROM konstruct.deliveries WHERE text = 'x'"
    )
    assert rows[0]["most"] == 0


async def test_a_reply_that_is_recorded_while_the_row_is_dropped_is_not_lost(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    await reply(office, "first")
    [first] = await outbox.claim_deliveries(gateway_store)
    await outbox.mark_sent(gateway_store, first)
    place = (office.tenant_id, first.conversation_id)
    async with gateway_store.transaction(office.tenant_id) as connection:
        await connection.fetchrow(statement("people/conversation"), *place)
        await people.tell(
            connection, place, uuid4(), LogKind.NOTICE, {"code": "Help", "text": "x"}, sends=True
        )
        # The sender finds the row due and nothing to send in it, before this is committed.
        dropping = asyncio.create_task(outbox.claim_deliveries(gateway_store))
        await asyncio.wait({dropping}, timeout=0.5)
    found = await dropping or await outbox.claim_deliveries(gateway_store)
    assert [one.text for one in found] == ["x"]
