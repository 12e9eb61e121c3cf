"""Messages that arrive at once share a transaction, and nothing but the transaction."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from konstruct_messages.inbound import Command, Ignored, InboundMessage
from konstruct_store import Store, receive
from konstruct_store.errors import ConversationOfAnother, RetryLater
from konstruct_store.people import Answering
from konstruct_store.receive import Received
from konstruct_store.statements import statement
from support.build import inbound, tenant_snapshot
from support.postgres import Database
from support.working import Office

pytestmark = pytest.mark.postgres

OTHER = UUID("7e7e7e7e-0000-4000-8000-000000000002")


async def all_at_once(office: Office, *requests: Any, **over: Any) -> list[Any]:
    """Write each as a request of its own; the first goes alone, the rest wait for it."""
    several = [one if isinstance(one, list) else [one] for one in requests]
    return await asyncio.gather(
        *(office.write(*one, **over) for one in several), return_exceptions=True
    )


async def transactions(office: Office) -> list[int]:
    """Return how many messages each transaction kept, in order."""
    rows = await office.run(
        "SELECT count(*) AS n FROM konstruct.inbox GROUP BY xmin ORDER BY min(item_id::text)"
    )
    return [row["n"] for row in rows]


async def texts(office: Office, key: str) -> list[tuple[int, str]]:
    """Return seq and text of a conversation's log."""
    rows = await office.run(
        "SELECT l.seq, l.payload ->> 'text' AS text FROM konstruct.log AS l"
        " INNER JOIN konstruct.conversations AS c USING (conversation_id)"
        " WHERE c.conversation_key = $1 ORDER BY l.seq",
        key,
    )
    return [(row["seq"], row["text"]) for row in rows]


async def test_what_waits_for_a_transaction_shares_the_next(gateway_store: Store) -> None:
    office = Office(gateway_store)
    messages = [inbound(f"m{n}", conversation_key=f"c{n % 3}") for n in range(10)]
    found = await all_at_once(office, *messages)
    assert await transactions(office) == [1, 9]
    assert [one[0].seq for one in found] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    for number in range(3):
        expected = [f"m{n}" for n in range(10) if n % 3 == number]
        assert [text for _, text in await texts(office, f"c{number}")] == expected
    conversations = {one[0].conversation_id for one in found}
    for _ in range(3):
        turn = await office.must_claim()
        conversations.remove(turn.conversation_id)
        await office.complete(turn)
    assert await office.claim() is None


async def test_a_copy_in_the_same_transaction_is_a_copy(gateway_store: Store) -> None:
    office = Office(gateway_store)
    first = inbound("hello", dedupe_keys=("k1", "k2"))
    twin = inbound("hello", dedupe_keys=("k2", "k3"))
    late = inbound("hello", dedupe_keys=("k3",))
    found = await all_at_once(office, inbound("before"), first, twin, late, inbound("after"))
    received: list[Received] = [one[0] for one in found]
    assert [one.duplicate for one in received] == [False, False, True, True, False]
    assert {received[n].item_id for n in (1, 2, 3)} == {received[1].item_id}
    assert await texts(office, "c1") == [(1, "before"), (2, "hello"), (3, "after")]


async def test_a_refused_message_does_not_touch_its_neighbours(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write(inbound("mine", conversation_key="owned"), exclusive=True)
    found = await all_at_once(
        office,
        inbound("one"),
        inbound("two"),
        inbound("theirs", conversation_key="owned", person_key="visitor:thief"),
        inbound("three"),
        exclusive=True,
    )
    assert isinstance(found[2], ConversationOfAnother)
    assert await texts(office, "c1") == [(1, "one"), (2, "two"), (3, "three")]
    assert await texts(office, "owned") == [(1, "mine")]
    keys = await office.run("SELECT count(*) AS n FROM konstruct.dedupe_keys")
    assert keys[0]["n"] == 4


async def test_two_people_who_begin_one_conversation_at_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    found = await all_at_once(
        office,
        inbound("elsewhere"),
        inbound("first", conversation_key="new"),
        inbound("second", conversation_key="new", person_key="visitor:v2"),
        exclusive=True,
    )
    assert isinstance(found[2], ConversationOfAnother)
    assert await texts(office, "new") == [(1, "first")]


async def test_what_the_database_cannot_hold_fails_alone(gateway_store: Store) -> None:
    office = Office(gateway_store)
    found = await all_at_once(office, inbound("a"), inbound("b"), inbound("\0"), inbound("c"))
    assert isinstance(found[2], asyncpg.DataError)
    assert await texts(office, "c1") == [(1, "a"), (2, "b"), (3, "c")]


async def test_a_request_is_kept_whole_or_not_at_all(gateway_store: Store) -> None:
    office = Office(gateway_store)
    found = await all_at_once(
        office, inbound("a"), [inbound("b"), inbound("\0")], [inbound("c"), inbound("d")]
    )
    assert isinstance(found[1], asyncpg.DataError)
    assert await texts(office, "c1") == [(1, "a"), (2, "c"), (3, "d")]


async def test_a_stop_stops_what_came_before_and_not_what_came_after(gateway_store: Store) -> None:
    office = Office(gateway_store)
    stop = inbound("stop", command=Command.STOP)
    answering = Answering(sentences=lambda _language: {})
    found = await all_at_once(
        office, inbound("a"), inbound("b"), stop, inbound("c"), inbound("d"), answering=answering
    )
    assert [one[0].command for one in found] == [None, None, Command.STOP, None, None]
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["c", "d"]


async def test_a_command_in_the_middle_of_a_request_is_obeyed_in_its_place(
    gateway_store: Store,
) -> None:
    office = Office(gateway_store)
    stop = inbound("stop", command=Command.STOP)
    await office.write(
        inbound("a"), stop, inbound("b"), answering=Answering(sentences=lambda _language: {})
    )
    turn = await office.must_claim()
    assert [line.text for line in turn.messages] == ["b"]


async def test_ignored_deliveries_are_recorded_together_and_once(gateway_store: Store) -> None:
    office = Office(gateway_store)
    place = (gateway_store, office.tenant_id, office.connection_id)
    some = [Ignored(reason="bot_message", dedupe_keys=(f"k{n % 4}",)) for n in range(8)]
    await asyncio.gather(*(receive.ignore(*place, one) for one in some))
    await receive.ignore(*place, Ignored(reason="no_key"))
    rows = await office.run("SELECT reason, xmin::text FROM konstruct.ignored_items")
    assert sorted(row["reason"] for row in rows) == ["bot_message"] * 4 + ["no_key"]
    assert len({row["xmin"] for row in rows}) == 3


async def test_one_tenants_lock_holds_up_nobody_else(gateway_store: Store) -> None:
    office = Office(gateway_store)
    other = Office(gateway_store, tenant_snapshot(tenant_id=OTHER, name="other", uid="uid-2"))
    await office.write("a")
    async with gateway_store.transaction(office.tenant_id) as connection:
        await connection.execute("SELECT FROM konstruct.conversations FOR UPDATE")
        waiting = asyncio.create_task(office.write("b"))
        [received] = await other.write("c")
        assert received.seq == 1
        assert not waiting.done()
    [late] = await waiting
    assert late.seq == 2


async def test_nothing_is_acknowledged_when_the_connection_breaks(
    gateway_store: Store, database: Database
) -> None:
    office = Office(gateway_store)
    await office.write("a")
    messages: list[InboundMessage] = [inbound(f"m{n}") for n in range(4)]
    async with gateway_store.transaction(office.tenant_id) as connection:
        await connection.execute("SELECT FROM konstruct.conversations FOR UPDATE")
        writing = asyncio.create_task(all_at_once(office, *messages))
        await kill_waiting(database)
    found = await writing
    # The first went alone and its backend was killed; the rest shared the next transaction.
    assert isinstance(found[0], RetryLater)
    assert [one[0].seq for one in found[1:]] == [2, 3, 4]
    again = await all_at_once(office, *messages)
    assert [one[0].duplicate for one in again] == [False, True, True, True]
    assert [text for _, text in await texts(office, "c1")] == ["a", "m1", "m2", "m3", "m0"]


async def kill_waiting(database: Database) -> None:
    """End the backend that waits for a lock, once there is one."""
    owner = await asyncpg.connect(database.owner_url)
    try:
        async with asyncio.timeout(15):
            # Postgres is asked; there is nothing here that could be waited for.
            while not await owner.fetchval(  # noqa: ASYNC110
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0.01)
    finally:
        await owner.close()


async def test_the_function_that_receives_is_the_statement_word_for_word(
    gateway_store: Store,
) -> None:
    async with gateway_store.connection() as connection:
        source = await connection.fetchval(
            "SELECT prosrc FROM pg_proc WHERE proname = 'receive_at_once'"
        )
    function = source.partition("FOR one IN")[2].partition("LOOP")[0]
    assert words(statement("receive/receive")) == words(function)


def words(sql: str) -> list[str]:
    """Return the words of a statement without its comments."""
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return " ".join(lines).split()
