"""Deliveries: in order per conversation, fenced, and one stuck row blocks nobody else."""

import pytest

from konstruct_store import Store, outbox
from konstruct_store.errors import TurnLost
from konstruct_store.outbox import Delivery
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres


async def reply(office: Office, *texts: str, key: str = "c1") -> None:
    await office.write(inbound("x", conversation_key=key))
    await office.complete(await office.must_claim(), *texts, sends=True)


async def take(store: Store, **over: float) -> list[Delivery]:
    return await outbox.claim_deliveries(store, **over)  # type: ignore[arg-type]


async def test_parts_go_out_in_order_one_at_a_time(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office, "one", "two")
    await reply(office, "three")
    sent = []
    while deliveries := await take(gateway_store):
        [delivery] = deliveries
        sent.append(delivery.text)
        assert await take(gateway_store) == []
        await outbox.mark_sent(gateway_store, delivery, vendor_id=f"v-{delivery.text}")
    assert sent == ["one", "two", "three"]
    assert await office.run("SELECT 1 FROM konstruct.delivery_dispatch") == []


async def test_a_stuck_conversation_blocks_no_other(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office, "stuck", "behind")
    await reply(office, "free", key="c2")
    stuck, free = await take(gateway_store)
    await outbox.retry_delivery(gateway_store, stuck, after_seconds=60, reason="429")
    await outbox.mark_sent(gateway_store, free)
    assert await take(gateway_store) == []


async def test_a_late_sender_cannot_settle_what_another_took_over(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office, "hello")
    [late] = await take(gateway_store, lease_seconds=0)
    [taker] = await take(gateway_store)
    assert (taker.delivery_id, taker.attempt) == (late.delivery_id, 2)
    with pytest.raises(TurnLost):
        await outbox.mark_sent(gateway_store, late)
    with pytest.raises(TurnLost):
        await outbox.note_vendor_id(gateway_store, late, "v")
    await outbox.note_vendor_id(gateway_store, taker, "v")
    await outbox.mark_unknown(gateway_store, taker, reason="ConnectionLost")
    with pytest.raises(TurnLost):
        await outbox.mark_sent(gateway_store, taker)
    assert await outbox.receipt(
        gateway_store,
        office.tenant_id,
        office.connection_id,
        vendor_id="v",
        status="delivered",
    )
    rows = await office.run("SELECT state, receipt FROM konstruct.deliveries")
    assert [tuple(row) for row in rows] == [("Sent", "delivered")]


async def test_a_refused_part_does_not_block_the_next(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await reply(office, "bad", "good")
    [bad] = await take(gateway_store)
    await outbox.mark_refused(gateway_store, bad, reason="TooLong")
    [good] = await take(gateway_store)
    assert good.text == "good"


async def test_one_tenants_flood_leaves_room_for_others(gateway_store: Store) -> None:
    office = Office(gateway_store)
    for i in range(6):
        await reply(office, "x", key=f"c{i}")
    assert len(await take(gateway_store, per_tenant=2)) == 2


async def test_an_unknown_receipt_is_said_to_be_unknown(gateway_store: Store) -> None:
    office = Office(gateway_store)
    assert not await outbox.receipt(
        gateway_store, office.tenant_id, office.connection_id, vendor_id="?", status="read"
    )
