"""Postgres dies under load: callers hear RetryLater, and what was acknowledged is there after."""

import asyncio
from uuid import UUID

import pytest

from konstruct_messages.turns import Disposition
from konstruct_store import RetryLater, Store
from support.build import inbound
from support.postgres import fresh_database, open_store, owned_postgres
from support.working import Office

pytestmark = pytest.mark.postgres


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
