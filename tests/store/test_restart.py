"""Postgres dies under load: callers hear RetryLater, and what was acknowledged is there after."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import pytest

from konstruct_messages.turns import Disposition
from konstruct_store import RetryLater, Store
from konstruct_store.errors import TurnLost
from support.build import inbound
from support.postgres import fresh_database, open_store, owned_postgres
from support.working import Office

pytestmark = pytest.mark.postgres

_Found = TypeVar("_Found")


async def test_a_killed_postgres_loses_nothing_that_was_acknowledged() -> None:
    async with (
        owned_postgres() as server,
        fresh_database(server) as database,
        open_store(database, "gateway") as store,
    ):
        office = Office(store)
        await office.write(inbound("claimed before", conversation_key="before"))
        turn = await office.must_claim()
        acknowledged: list[UUID] = []
        refused: list[RetryLater] = []
        stop = asyncio.Event()
        writers = [
            asyncio.create_task(write_until(stop, office, number, acknowledged, refused))
            for number in range(4)
        ]
        await asyncio.sleep(0.5)
        before = len(acknowledged)
        await server.restart()
        await until_more_than(acknowledged, len(acknowledged) + 20)
        stop.set()
        await asyncio.gather(*writers)
        assert before > 0
        assert refused
        rows = await office.run("SELECT item_id FROM konstruct.inbox")
        assert len(acknowledged) == len(set(acknowledged))
        assert set(acknowledged) <= {row["item_id"] for row in rows}
        assert (await office.complete(turn)).disposition is Disposition.ANSWERED
        assert await office.complete(turn) == await office.complete(turn)


async def test_a_claim_that_a_crash_takes_leaves_its_messages_due() -> None:
    async with (
        owned_postgres() as server,
        fresh_database(server) as database,
        open_store(database, "gateway") as store,
    ):
        await database.run("ALTER SYSTEM SET wal_writer_delay = '10s'")
        await server.restart()
        office = Office(store)
        await settled(office, "its agent's first turn waits for a flush")
        await office.write("hello")
        lost = await office.must_claim()
        await server.restart()
        again = await once_up(office.claim)
        if again is None:  # one time in a thousand it was flushed right before
            again = lost
        else:
            assert again.turn_id != lost.turn_id
            assert [one.text for one in again.messages] == ["hello"]
            with pytest.raises(TurnLost):
                await office.complete(lost, "of a turn that never was")
        await office.complete(again, "the answer")
        replies = await office.run("SELECT payload FROM konstruct.log WHERE kind = 'Reply'")
        assert [row["payload"]["text"] for row in replies] == ["hi", "the answer"]


async def test_what_follows_a_claim_keeps_it() -> None:
    async with (
        owned_postgres() as server,
        fresh_database(server) as database,
        open_store(database, "gateway") as store,
    ):
        await database.run("ALTER SYSTEM SET wal_writer_delay = '10s'")
        await server.restart()
        office = Office(store)
        await settled(office, "its agent's first turn waits for a flush")
        await office.write("hello")
        turn = await office.must_claim()
        await office.write(inbound("of somebody else", conversation_key="other"))
        await server.restart()
        settled_once = await once_up(lambda: office.complete(turn, "the answer"))
        assert settled_once.disposition is Disposition.ANSWERED


async def settled(office: Office, text: str) -> None:
    """Let a first turn come and go, as soon as the database is up."""
    await once_up(lambda: office.write(text))
    await office.complete(await office.must_claim())


async def once_up(attempt: Callable[[], Awaitable[_Found]]) -> _Found:
    """Return what `attempt` does when the database is up again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await attempt()
            except RetryLater:
                await asyncio.sleep(0.05)


async def test_a_database_that_is_away_says_retry_later() -> None:
    async with (
        owned_postgres() as server,
        fresh_database(server) as database,
        open_store(database, "gateway") as store,
    ):
        office = Office(store)
        await office.write("hello")
        port = server.port
        await server.stop()
        for _ in range(3):
            with pytest.raises(RetryLater):
                await office.write("into the void")
        with pytest.raises(RetryLater):
            await Store.connect(database.url("gateway"))
        await server.start(port)
        [received] = await office.write("back again")
        assert received.seq == 2


async def write_until(
    stop: asyncio.Event,
    office: Office,
    number: int,
    acknowledged: list[UUID],
    refused: list[RetryLater],
) -> None:
    """Write messages, each until it is acknowledged: what a vendor does."""
    while not stop.is_set():
        message = inbound("x", conversation_key=f"c{number}")
        while True:
            try:
                [received] = await office.write(message)
            except RetryLater as error:
                refused.append(error)
                await asyncio.sleep(0.02)
            else:
                acknowledged.append(received.item_id)
                break


async def until_more_than(found: list[UUID], count: int) -> None:
    async with asyncio.timeout(30):
        while len(found) <= count:  # noqa: ASYNC110 - a count has no event
            await asyncio.sleep(0.02)
