"""One tenant never sees or touches another's rows, whatever ids it names."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from konstruct_messages.replies import ReplyPart
from konstruct_messages.turns import ConversationMode, Step, StepKind, StepState, Verdict
from konstruct_store import (
    Store,
    attention,
    audit,
    claims,
    journal,
    log,
    notices,
    outbox,
    portal,
    receive,
    settle,
    usage,
)
from konstruct_store.claims import HeldTurn
from konstruct_store.errors import NotFound, TurnLost
from konstruct_store.migrate import Program
from konstruct_store.usage import Limits
from support.build import inbound, tenant_snapshot
from support.catalogue import UNPROTECTED
from support.postgres import Database
from support.working import Office

pytestmark = pytest.mark.postgres

OTHER = UUID("7e7e7e7e-0000-4000-8000-000000000002")


def other_office(store: Store) -> Office:
    return Office(store, tenant_snapshot(tenant_id=OTHER, name="other", uid="uid-2"))


async def test_every_transition_with_anothers_ids_finds_nothing(
    gateway_store: Store, llm_store: Store, portal_store: Store
) -> None:
    victim = Office(gateway_store)
    await victim.write("dead one")
    dead = await victim.must_claim()
    fence_of_dead = (gateway_store, victim.tenant_id, dead.turn_id, 1, dead.turn_token)
    await settle.fail_turn(*fence_of_dead, reason="x", apology="y")
    await victim.write("secret")
    turn = await victim.must_claim()
    victims_rows = await all_rows(victim)

    stolen = (OTHER, turn.turn_id, turn.attempt, turn.turn_token)
    step = Step(number=0, kind=StepKind.TOOL, state=StepState.DONE)
    lost: list[Callable[[], Awaitable[Any]]] = [
        lambda: journal.record_step(gateway_store, *stolen, step),
        lambda: journal.check_turn(llm_store, *stolen),
        lambda: settle.complete_turn(
            gateway_store, *stolen, [ReplyPart(part=0, text="x")], sends=True
        ),
        lambda: settle.fail_turn(gateway_store, *stolen, reason="x", apology="y"),
        lambda: usage.reserve(
            llm_store,
            tenant_id=OTHER,
            turn_id=turn.turn_id,
            attempt=1,
            turn_token=turn.turn_token,
            step_number=0,
            agent_id=uuid4(),
            person_id=None,
            model="m",
            estimate_micro_usd=1,
            limits=Limits(),
            time_zone="Etc/UTC",
        ),
    ]
    for attempt in lost:
        with pytest.raises(TurnLost):
            await attempt()
    missing: list[Callable[[], Awaitable[Any]]] = [
        lambda: settle.replay_dead_turn(gateway_store, OTHER, dead.turn_id, actor="x"),
        lambda: settle.set_mode(
            gateway_store, OTHER, turn.conversation_id, ConversationMode.HUMAN, actor="x"
        ),
        lambda: notices.say_suspended(
            gateway_store, OTHER, turn.conversation_id, text="x", sends=False
        ),
    ]
    for attempt in missing:
        with pytest.raises(NotFound):
            await attempt()
    other = other_office(gateway_store)
    held = [HeldTurn(turn.turn_id, 1, turn.turn_token)]
    verdicts = await claims.heartbeat(gateway_store, OTHER, victim.boot_id, held)
    assert verdicts == {turn.turn_id: Verdict.LOST}
    assert await other.claim(claim_id=uuid4()) is None
    assert await claims.release_turns(gateway_store, OTHER, boot_id=victim.boot_id) == []
    assert not await settle.stop_turn(gateway_store, OTHER, turn.conversation_id, turn.turn_id)
    assert await log.read_log(gateway_store, OTHER, turn.conversation_id, after=0) == []
    assert await receive.find_conversation(gateway_store, OTHER, victim.connection_id, "c1") is None
    assert await portal.transcript(portal_store, OTHER, turn.conversation_id) is None
    assert await portal.conversations(portal_store, OTHER) == []
    assert await attention.open_dead_turns(portal_store, OTHER) == []
    assert await audit.read(gateway_store, OTHER) == []
    month = await usage.month_usage(portal_store, OTHER, time_zone="Etc/UTC")
    assert (month.messages, month.by_model) == (0, {})
    assert await all_rows(victim) == victims_rows


async def test_the_same_connection_and_keys_in_two_tenants_are_two_conversations(
    gateway_store: Store,
) -> None:
    offices = [Office(gateway_store), other_office(gateway_store)]
    connection_id = uuid4()
    received = [
        await receive.receive(
            gateway_store,
            office.tenant_id,
            connection_id,
            office.tenant.agents[0].agent_id,
            [message],
            agent_name="Ana",
        )
        for office in offices
        for message in [shared_message()]
    ]
    assert [one.duplicate for [one] in received] == [False, False]
    assert received[0][0].conversation_id != received[1][0].conversation_id


async def test_deliveries_of_many_tenants_are_claimed_with_their_own_content(
    gateway_store: Store,
) -> None:
    for office in (Office(gateway_store), other_office(gateway_store)):
        await office.write("hello")
        await office.complete(await office.must_claim(), office.tenant.name, sends=True)
    deliveries = await outbox.claim_deliveries(gateway_store)
    assert {(one.tenant_id, one.text) for one in deliveries} == {
        (Office(gateway_store).tenant_id, "acme"),
        (OTHER, "other"),
    }


@pytest.mark.parametrize("program", ["gateway", "llm", "portal"])
async def test_without_a_tenant_no_table_with_content_shows_a_row(
    gateway_store: Store, database: Database, program: Program
) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    await office.complete(await office.must_claim(), sends=True)
    connection = await asyncpg.connect(database.url(program))
    for setting in (None, "", str(OTHER)):
        if setting is not None:
            await connection.execute("SELECT set_config('konstruct.tenant', $1, false)", setting)
        for table in await protected_tables(connection):
            assert await connection.fetch(f"SELECT 1 FROM konstruct.{table} LIMIT 1") == []  # noqa: S608
    await connection.close()


async def test_a_pooled_connection_forgets_its_tenant(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    async with gateway_store.connection() as connection:
        assert await connection.fetch("SELECT 1 FROM konstruct.inbox") == []
        assert await connection.fetchval("SELECT current_setting('konstruct.tenant', true)") == ""


async def test_a_row_of_another_tenant_cannot_be_written(gateway_store: Store) -> None:
    async with gateway_store.transaction(OTHER) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                "INSERT INTO konstruct.ignored_items (tenant_id, item_id, connection_id, reason,"
                " known) VALUES ($1, $1, $1, 'x', true)",
                uuid4(),
            )
        await connection.execute("ROLLBACK; BEGIN")


async def test_programs_have_no_rights_beyond_their_work(database: Database) -> None:
    refused: list[tuple[Program, str]] = [
        ("llm", "SELECT * FROM konstruct.log"),
        ("llm", "SELECT * FROM konstruct.dispatch"),
        ("llm", "SELECT * FROM konstruct.portal_users"),
        ("gateway", "SELECT * FROM konstruct.portal_users"),
        ("gateway", "DELETE FROM konstruct.log"),
        ("gateway", "UPDATE konstruct.audit SET actor = 'x'"),
        ("gateway", "DELETE FROM konstruct.audit"),
        ("portal", "SELECT * FROM konstruct.dispatch"),
        ("portal", "UPDATE konstruct.conversations SET mode = 'Human'"),
        ("portal", "DELETE FROM konstruct.audit"),
        ("portal", "SET ROLE konstruct_eraser"),
        ("llm", "SET ROLE konstruct_eraser"),
        ("gateway", "CREATE TEMP TABLE x (y int)"),
        ("gateway", "SET row_security = off; SELECT * FROM konstruct.log"),
    ]
    for program, statement in refused:
        connection = await asyncpg.connect(database.url(program))
        if "TEMP" in statement:
            # Rights on a database are not copied from its template.
            await database.run(f"REVOKE TEMPORARY ON DATABASE {database.name} FROM PUBLIC")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        await connection.close()


def shared_message() -> Any:
    return inbound("x", dedupe_keys=("the-same-key",), conversation_key="the-same")


async def protected_tables(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'konstruct'::regnamespace"
        " AND relkind = 'r' AND has_table_privilege(oid, 'SELECT')"
    )
    return [row["relname"] for row in rows if row["relname"] not in UNPROTECTED]


async def all_rows(office: Office) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("conversations", "inbox", "turns", "steps", "log", "dead_letters", "deliveries")
    return {
        table: sorted(
            (tuple(row) for row in await office.run(f"SELECT * FROM konstruct.{table}")),  # noqa: S608
            key=str,
        )
        for table in tables
    }
