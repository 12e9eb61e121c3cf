"""What a dead replica was sending is due at once; what waits, or is a living one's, is not."""

from uuid import UUID, uuid4

import pytest

from konstruct_store import Store, outbox, replicas
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres


async def reply(office: Office, key: str = "c1") -> None:
    await office.write(inbound("x", conversation_key=key))
    await office.complete(await office.must_claim(), "hello", sends=True)


async def announced(store: Store, url: str = "") -> UUID:
    replica_id = uuid4()
    await replicas.announce(store, replica_id, url)
    return replica_id


async def die(office: Office, replica_id: UUID) -> None:
    await office.run(
        "UPDATE konstruct.replicas SET seen_at = now() - interval '15 seconds'"
        " WHERE replica_id = $1",
        replica_id,
    )


async def test_a_dead_replicas_delivery_is_claimed_in_doubt(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office)
    dead = await announced(gateway_store)
    [lost] = await outbox.claim_deliveries(gateway_store, replica_id=dead)
    assert await outbox.release_of_dead(gateway_store) == 0
    await die(office, dead)
    assert await outbox.release_of_dead(gateway_store) == 1
    assert await outbox.release_of_dead(gateway_store) == 0
    [taken] = await outbox.claim_deliveries(gateway_store)
    assert (taken.delivery_id, taken.attempt, taken.in_doubt) == (lost.delivery_id, 2, True)


async def test_what_a_dead_replica_put_off_is_not_tried_sooner(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office)
    dead = await announced(gateway_store)
    [delivery] = await outbox.claim_deliveries(gateway_store, replica_id=dead)
    await outbox.retry_delivery(gateway_store, delivery, after_seconds=600)
    await die(office, dead)
    assert await outbox.release_of_dead(gateway_store) == 0


async def test_what_another_took_over_is_not_released_with_the_dead(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office)
    dead = await announced(gateway_store)
    await outbox.claim_deliveries(gateway_store, replica_id=dead, lease_seconds=0)
    # An older program claims without a word of who it is, and moves the lease alone.
    await office.run("UPDATE konstruct.delivery_dispatch SET due_at = now() + interval '1 minute'")
    await die(office, dead)
    assert await outbox.release_of_dead(gateway_store) == 0
    await office.run("UPDATE konstruct.delivery_dispatch SET due_at = now()")
    await outbox.claim_deliveries(gateway_store, replica_id=await announced(gateway_store))
    assert await outbox.release_of_dead(gateway_store) == 0


async def test_a_new_replica_at_an_address_ends_the_former_one(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office)
    former = await announced(gateway_store, "http://10.0.0.7:8001")
    other = await announced(gateway_store, "http://10.0.0.8:8001")
    nameless = await announced(gateway_store)
    await outbox.claim_deliveries(gateway_store, replica_id=former)
    again = await announced(gateway_store, "http://10.0.0.7:8001")
    await announced(gateway_store)
    assert set(await replicas.replicas(gateway_store)) == {other, again}
    assert await outbox.release_of_dead(gateway_store) == 1
    rows = await office.run(
        "SELECT replica_id FROM konstruct.replicas WHERE seen_at > now() - interval '15 seconds'"
    )
    assert {row["replica_id"] for row in rows} >= {other, again, nameless}
