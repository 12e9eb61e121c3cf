"""The audit is only ever appended to, and tampering shows."""

import asyncio

import asyncpg
import pytest

from konstruct_store import Store, audit
from support.build import inbound
from support.postgres import Database
from support.working import Office

pytestmark = pytest.mark.postgres


async def answer_some(office: Office, count: int = 4) -> None:
    await office.write(*(inbound("x", conversation_key=f"c{i}") for i in range(count)))
    turns = [await office.must_claim() for _ in range(count)]
    await asyncio.gather(*(office.complete(turn) for turn in turns))


async def test_concurrent_turns_make_one_whole_chain(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await answer_some(office, 10)
    rows = await audit.read(gateway_store, office.tenant_id)
    assert [row.number for row in rows] == list(range(1, 11))
    assert {row.action for row in rows} == {"TurnAnswered"}
    assert all(row.intact for row in rows)
    assert await audit.broken(gateway_store, office.tenant_id) == []


async def test_no_program_may_change_or_delete_a_row(
    gateway_store: Store, database: Database
) -> None:
    office = Office(gateway_store)
    await answer_some(office, 1)
    for program in ("gateway", "llm", "portal"):
        for statement in (
            "UPDATE konstruct.audit SET action = 'x'",
            "DELETE FROM konstruct.audit",
            "TRUNCATE konstruct.audit",
            "UPDATE konstruct.audit_payload SET payload = '{}'",
        ):
            connection = await asyncpg.connect(database.url(program))
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
            await connection.close()
    owner = await asyncpg.connect(database.owner_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever appended"):
        await owner.execute("UPDATE konstruct.audit SET action = 'x'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever appended"):
        await owner.execute("TRUNCATE konstruct.audit")
    await owner.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE konstruct.audit SET action = 'TurnDead' WHERE number = 2",
        "UPDATE konstruct.audit SET actor = 'somebody' WHERE number = 3",
        "UPDATE konstruct.audit SET at = at - interval '1 hour' WHERE number = 1",
        "UPDATE konstruct.audit SET subjects = '{}' WHERE number = 4",
        "DELETE FROM konstruct.audit WHERE number = 2",
        "DELETE FROM konstruct.audit WHERE number = 4",
        "DELETE FROM konstruct.audit",
        "UPDATE konstruct.audit SET number = number + 10 WHERE number > 2",
    ],
)
async def test_tampering_by_the_owner_breaks_the_chain(
    gateway_store: Store, database: Database, tampering: str
) -> None:
    office = Office(gateway_store)
    await answer_some(office)
    await database.run("ALTER TABLE konstruct.audit DISABLE TRIGGER append_only")
    await database.run(tampering)
    assert await audit.broken(gateway_store, office.tenant_id) != []


async def test_a_changed_payload_no_longer_fits_its_digest_and_an_erased_one_breaks_nothing(
    gateway_store: Store, database: Database
) -> None:
    office = Office(gateway_store)
    await answer_some(office)
    await database.run("UPDATE konstruct.audit_payload SET payload = '{}' WHERE number = 1")
    await database.run("DELETE FROM konstruct.audit_payload WHERE number = 2")
    rows = await audit.read(gateway_store, office.tenant_id)
    assert [row.intact for row in rows] == [False, True, True, True]
    assert rows[1].payload is None
    assert await audit.broken(gateway_store, office.tenant_id) == []
