"""What is known of people who have not written for long is forgotten; who was refused stays so."""

from uuid import uuid4

import pytest

from konstruct_store import Store, access
from support.build import tenant_snapshot
from support.working import Office

pytestmark = pytest.mark.postgres

_YEAR_AGO = "UPDATE konstruct.standings SET asked_at = now() - interval '400 days'"


async def test_old_standings_go_and_fresh_ones_stay(gateway_store: Store) -> None:
    office = Office(gateway_store, tenant_snapshot())
    connection_id = uuid4()
    for person in ("old", "fresh"):
        await access.learn(
            gateway_store, office.tenant_id, connection_id, person_key=person, standing="Member"
        )
    await office.run(f"{_YEAR_AGO} WHERE tenant_id = $1 AND person_key = 'old'", office.tenant_id)
    assert await access.forget(gateway_store, office.tenant_id, days=365) == 1
    assert await access.forget(gateway_store, office.tenant_id, days=365) == 0
    for person, standing in (("old", ""), ("fresh", "Member")):
        known = await access.known(
            gateway_store,
            office.tenant_id,
            connection_id,
            person_key=person,
            conversation_key="c",
            seconds=1e9,
        )
        assert known.standing == standing


async def test_a_refusal_goes_only_with_its_conversation(gateway_store: Store) -> None:
    office = Office(gateway_store, tenant_snapshot())
    await office.write("hello")
    (row,) = await office.run(
        "SELECT conversation_id, connection_id FROM konstruct.conversations WHERE tenant_id = $1",
        office.tenant_id,
    )
    for person, conversation_id in (("here", row["conversation_id"]), ("gone", uuid4())):
        await office.run(
            "INSERT INTO konstruct.refusals"
            " (tenant_id, connection_id, person_key, conversation_id, reason, at)"
            " VALUES ($1, $2, $3, $4, 'not_listed', now() - interval '400 days')",
            *(office.tenant_id, row["connection_id"], person, conversation_id),
        )
    assert await access.forget(gateway_store, office.tenant_id, days=365) == 1
    (left,) = await office.run(
        "SELECT person_key FROM konstruct.refusals WHERE tenant_id = $1", office.tenant_id
    )
    assert left["person_key"] == "here"
