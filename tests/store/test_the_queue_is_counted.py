"""What waits for agents: how much, and for how long, over all tenants."""

import pytest

from konstruct_store import Store, claims
from support.build import tenant_snapshot
from support.working import Office

pytestmark = pytest.mark.postgres


async def test_what_waits_is_counted_until_it_is_claimed(gateway_store: Store) -> None:
    assert await claims.queue(gateway_store) == claims.Queue(0, 0.0)
    office = Office(gateway_store, tenant_snapshot())
    await office.write("hello")
    await office.run(
        "UPDATE konstruct.dispatch SET opened_at = opened_at - interval '5 minutes'"
        " WHERE tenant_id = $1",
        office.tenant_id,
    )
    queue = await claims.queue(gateway_store)
    assert queue.waiting == 1
    assert 300 <= queue.oldest_seconds < 600
    await office.must_claim()
    assert await claims.queue(gateway_store) == claims.Queue(0, 0.0)
