"""The registry: who leads, whose an id is, and what replicas and programs learn."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from konstruct_registry.snapshot import TenantSnapshot
from konstruct_registry.wire import Push, Report, Tombstone
from konstruct_store import Store, erase, registry
from konstruct_store.errors import (
    StaleSequence,
    StaleSession,
    TenantIdErased,
    TenantIdTaken,
    UnknownSession,
)
from support.build import TENANT, tenant_snapshot
from support.postgres import Database
from support.working import Office

pytestmark = pytest.mark.postgres


class Leader:
    """An operator that pushes with rising sequences."""

    def __init__(self, store: Store, session: int) -> None:
        self.store = store
        self.session = session
        self.sequence = 0

    async def push(self, snapshot: TenantSnapshot, **over: object) -> None:
        self.sequence += 1
        push = {
            "session": self.session,
            "sequence": self.sequence,
            "digest": snapshot.digest(),
            "snapshot": snapshot,
            **over,
        }
        await registry.put_tenant(self.store, Push(**push))

    async def bury(
        self, tenant_id: UUID, on_delete: str = "Keep", uid: str = "uid-1", **over: object
    ) -> None:
        self.sequence += 1
        tombstone = {
            "session": self.session,
            "sequence": self.sequence,
            "name": "acme",
            "uid": uid,
            "on_delete": on_delete,
            **over,
        }
        await registry.bury_tenant(self.store, tenant_id, Tombstone(**tombstone))


async def lead(store: Store) -> Leader:
    return Leader(store, await registry.open_session(store))


async def test_a_pushed_tenant_is_read_back_whole(
    gateway_store: Store, llm_store: Store, portal_store: Store
) -> None:
    leader = await lead(gateway_store)
    snapshot = tenant_snapshot(work_token_hashes=("ab" * 32,))
    await leader.push(snapshot)
    for store in (gateway_store, llm_store, portal_store):
        version, changed, removed = await registry.load_snapshots(store)
        assert changed == [snapshot]
        assert removed == []
        assert await registry.load_snapshots(store, newer_than=version) == (version, [], [])
    [stored] = await registry.stored_tenants(gateway_store)
    assert (stored.name, stored.digest) == ("acme", snapshot.digest())


async def test_a_stale_leader_is_refused(gateway_store: Store) -> None:
    old = await lead(gateway_store)
    await old.push(tenant_snapshot())
    new = await lead(gateway_store)
    assert new.session > old.session
    with pytest.raises(StaleSession):
        await old.push(tenant_snapshot(display_name="Old"))
    with pytest.raises(StaleSession):
        await old.bury(TENANT)
    await new.push(tenant_snapshot(display_name="New"))
    _, [snapshot], _ = await registry.load_snapshots(gateway_store)
    assert snapshot.display_name == "New"


async def test_an_older_push_of_the_same_leader_is_refused(gateway_store: Store) -> None:
    leader = await lead(gateway_store)
    await leader.push(tenant_snapshot(), sequence=5)
    with pytest.raises(StaleSequence):
        await leader.push(tenant_snapshot(display_name="Older"), sequence=4)
    await leader.push(tenant_snapshot(), sequence=5)  # a repetition is no news
    with pytest.raises(StaleSequence):
        await leader.bury(TENANT, sequence=4)


async def test_a_restored_database_does_not_know_the_session(gateway_store: Store) -> None:
    leader = await lead(gateway_store)
    leader.session += 1_000_000
    with pytest.raises(UnknownSession):
        await leader.push(tenant_snapshot())
    healed = await lead(gateway_store)
    await healed.push(tenant_snapshot())


async def test_session_and_version_never_come_twice_after_a_restore(
    gateway_store: Store, database: Database
) -> None:
    leader = await lead(gateway_store)
    await leader.push(tenant_snapshot())
    version, _, _ = await registry.load_snapshots(gateway_store)
    await database.run("UPDATE konstruct.registry_state SET session = 1, version = 1")
    again = await lead(gateway_store)
    await again.push(tenant_snapshot(display_name="Healed"))
    newer, changed, _ = await registry.load_snapshots(gateway_store, newer_than=version)
    assert newer > version
    assert again.session > leader.session
    assert [one.display_name for one in changed] == ["Healed"]


async def test_a_second_live_name_does_not_get_the_id(gateway_store: Store) -> None:
    leader = await lead(gateway_store)
    await leader.push(tenant_snapshot())
    with pytest.raises(TenantIdTaken, match="acme"):
        await leader.push(tenant_snapshot(name="other", uid="uid-2", id_pinned=True))


async def test_a_new_uid_reclaims_an_id_only_when_pinned(gateway_store: Store) -> None:
    leader = await lead(gateway_store)
    await leader.push(tenant_snapshot())
    with pytest.raises(TenantIdTaken, match="pin it"):
        await leader.push(tenant_snapshot(uid="uid-2"))
    await leader.push(tenant_snapshot(uid="uid-2", id_pinned=True))
    # The earlier object's tombstone comes late and takes nothing away.
    await leader.bury(TENANT, "Erase", uid="uid-1")
    _, changed, removed = await registry.load_snapshots(gateway_store)
    assert [one.uid for one in changed] == ["uid-2"]
    assert removed == []


async def test_a_kept_tenant_leaves_and_comes_back_with_its_data(gateway_store: Store) -> None:
    office = Office(gateway_store)
    leader = await lead(gateway_store)
    await leader.push(office.tenant)
    version, _, _ = await registry.load_snapshots(gateway_store)
    await office.write("remember me")
    await leader.bury(TENANT, "Keep")
    assert (await registry.load_snapshots(gateway_store, newer_than=version))[1:] == ([], [TENANT])
    assert await registry.stored_tenants(gateway_store) == []
    await leader.push(tenant_snapshot(uid="uid-2", id_pinned=True))
    assert [line.text for line in (await office.must_claim()).messages] == ["remember me"]


async def test_a_new_id_under_the_same_name_supersedes_the_old(gateway_store: Store) -> None:
    leader = await lead(gateway_store)
    await leader.push(tenant_snapshot())
    other = uuid4()
    await leader.push(tenant_snapshot(tenant_id=other, uid="uid-2"))
    _, changed, removed = await registry.load_snapshots(gateway_store)
    assert [one.tenant_id for one in changed] == [other]
    assert removed == [TENANT]


async def test_an_erased_tenant_leaves_a_tombstone_and_nothing_else(
    gateway_store: Store, database: Database
) -> None:
    office = Office(gateway_store)
    neighbour = Office(gateway_store, tenant_snapshot(tenant_id=uuid4(), name="other", uid="uid-9"))
    leader = await lead(gateway_store)
    for one in (office, neighbour):
        await leader.push(one.tenant)
        await one.write("hello", "again")
        await one.complete(await one.must_claim(), "answer", sends=True)
        await one.write("open")
        await one.must_claim()
    await leader.bury(TENANT, "Erase")
    with pytest.raises(TenantIdErased):
        await office.write("too late")
    assert await erase.erase_tenants(gateway_store) == []  # not before the grace is over
    assert await erase.erase_tenants(gateway_store, grace_seconds=0) == [TENANT]
    left = await rows_by_tenant(database)
    assert {table: count for table, count in left[TENANT].items() if count} == {
        "registry_claims": 1
    }
    assert left[neighbour.tenant_id]["inbox"] == 3
    assert left[neighbour.tenant_id]["audit"] > 0
    with pytest.raises(TenantIdErased):
        await leader.push(tenant_snapshot(uid="uid-3", id_pinned=True))
    connection = await asyncpg.connect(database.owner_url)
    row = await connection.fetchrow(
        "SELECT state, erased_items FROM konstruct.registry_claims WHERE tenant_id = $1", TENANT
    )
    await connection.close()
    assert (row["state"], row["erased_items"]) == ("Erased", 3)


async def test_a_tenant_that_never_came_keeps_its_tombstone(gateway_store: Store) -> None:
    leader = await lead(gateway_store)
    await leader.bury(TENANT, "Erase")
    assert await erase.erase_tenants(gateway_store, grace_seconds=0) == [TENANT]
    with pytest.raises(TenantIdErased):
        await leader.push(tenant_snapshot())


async def test_a_registry_without_tenants_has_no_reports(gateway_store: Store) -> None:
    assert (await registry.reports(gateway_store))[1] == []


async def test_only_news_raise_the_reports_version(gateway_store: Store, llm_store: Store) -> None:
    leader = await lead(gateway_store)
    await leader.push(tenant_snapshot())
    report = Report(
        tenant_id=TENANT,
        digest="d1",
        kind="ChannelConnection",
        name="website",
        condition="Receiving",
        status="True",
        reason="Received",
        message="A message came.",
    )
    await registry.add_report(gateway_store, report)
    version, reports = await registry.reports(gateway_store)
    assert reports == [report]
    await registry.add_report(llm_store, report)
    assert (await registry.reports(gateway_store))[0] == version
    await registry.add_report(llm_store, report.model_copy(update={"status": "False"}))
    assert await registry.reports_version(gateway_store) > version


async def rows_by_tenant(database: Database) -> dict[UUID, dict[str, int]]:
    connection = await asyncpg.connect(database.owner_url)
    tables = await connection.fetch(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'konstruct' AND column_name = 'tenant_id'"
    )
    found: dict[UUID, dict[str, int]] = {}
    for table in (row["table_name"] for row in tables):
        for row in await connection.fetch(
            f"SELECT tenant_id, count(*) AS rows FROM konstruct.{table}"  # noqa: S608
            " GROUP BY tenant_id"
        ):
            found.setdefault(row["tenant_id"], {})[table] = row["rows"]
    await connection.close()
    return found
