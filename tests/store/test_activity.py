"""What went through a connection: ignored deliveries by reason, and when something last went."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from konstruct_messages.inbound import Ignored
from konstruct_store import Store, outbox, receive
from konstruct_store.activity import Activity, connection_activity
from konstruct_store.identifiers import first_id_at, new_id
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres

DAY = timedelta(days=1)


async def test_ignored_deliveries_are_counted_by_reason_unknown_kinds_first(
    gateway_store: Store, portal_store: Store
) -> None:
    office = Office(gateway_store)
    place = (gateway_store, office.tenant_id, office.connection_id)
    for number in range(3):
        await receive.ignore(*place, Ignored(reason="own_message", dedupe_keys=(f"o{number}",)))
    for _ in range(2):  # the same delivery twice
        await receive.ignore(*place, Ignored(reason="not_addressed", dedupe_keys=("n",)))
    await receive.ignore(*place, Ignored(reason="brand_new", dedupe_keys=("b",), known=False))
    read = await connection_activity(
        portal_store, office.tenant_id, office.connection_id, now=datetime.now(UTC), within=DAY
    )
    assert [(one.reason, one.known, one.counted) for one in read.ignored] == [
        ("brand_new", False, 1),
        ("own_message", True, 3),
        ("not_addressed", True, 1),
    ]
    assert (read.last_in, read.last_out) == (None, None)
    for elsewhere in ((office.tenant_id, uuid4()), (uuid4(), office.connection_id)):
        none = await connection_activity(
            portal_store, *elsewhere, now=datetime.now(UTC), within=DAY
        )
        assert none == Activity()
    later = await connection_activity(
        portal_store, *place[1:], now=datetime.now(UTC) + 2 * DAY, within=DAY
    )
    assert later.ignored == ()


async def test_the_last_message_and_the_last_reply_have_their_times(
    gateway_store: Store, portal_store: Store
) -> None:
    office = Office(gateway_store)
    place = (office.tenant_id, office.connection_id)
    before = datetime.now(UTC) - timedelta(minutes=1)
    await office.write(inbound("hello"))
    await office.complete(await office.must_claim(), "answer", sends=True)
    read = await connection_activity(portal_store, *place, now=datetime.now(UTC), within=DAY)
    assert read.last_in is not None
    assert read.last_in > before
    assert read.last_out is None
    [delivery] = await outbox.claim_deliveries(gateway_store)
    await outbox.mark_sent(gateway_store, delivery)
    read = await connection_activity(portal_store, *place, now=datetime.now(UTC), within=DAY)
    assert read.last_out is not None
    assert read.last_out > before
    other = await connection_activity(
        portal_store, office.tenant_id, uuid4(), now=datetime.now(UTC), within=DAY
    )
    assert other == Activity()


def test_ids_made_later_sort_after_the_bound() -> None:
    now = datetime.now(UTC)
    assert first_id_at(now - timedelta(seconds=1)) < new_id() < first_id_at(now + DAY)
    assert first_id_at(datetime(1900, 1, 1, tzinfo=UTC)).int == 0
