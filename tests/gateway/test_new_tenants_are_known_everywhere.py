"""Who was registered at one replica is known at all: the others look once before they say 404."""

import asyncio

import httpx
import pytest

from konstruct_gateway.registry.looking import SharedLook
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database

_NEVER = 3600.0


@pytest.mark.postgres
async def test_another_replica_answers_at_once(database: Database, tenant: SampleTenant) -> None:
    url = database.url("gateway")
    async with running_gateway(url) as here:
        await tenant.register(here.internal_url)
        async with (
            running_gateway(url, poll_seconds=_NEVER) as there,
            httpx.AsyncClient(base_url=there.url, trust_env=False) as client,
        ):
            late = SampleTenant(name="late")
            path = "/chat/late/website"
            assert (await client.post(f"{path}/ticket")).status_code == 404
            await late.register(here.internal_url)
            assert (await client.post(f"{path}/ticket")).status_code == 200
            assert (await client.get(f"{path}/widget.js")).status_code == 200
            assert (await client.get("/chat/nobody/website/widget.js")).status_code == 404


async def test_all_who_ask_before_a_look_begins_share_it() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)

    shared = SharedLook(look, pause_seconds=0.0)
    await asyncio.gather(*(shared.look() for _ in range(50)))
    assert looks == 1


async def test_whoever_asks_during_a_look_gets_a_later_one() -> None:
    began, going = asyncio.Event(), asyncio.Event()
    seen: list[int] = []

    async def look() -> None:
        seen.append(len(seen))
        began.set()
        await going.wait()

    shared = SharedLook(look, pause_seconds=0.0)
    first = asyncio.create_task(shared.look())
    await began.wait()
    second = asyncio.create_task(shared.look())
    going.set()
    await asyncio.gather(first, second)
    assert seen == [0, 1]


async def test_a_look_that_fails_says_so_and_the_next_one_is_fresh() -> None:
    answers: list[Exception | None] = [ConnectionError("away"), None]

    async def look() -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    shared = SharedLook(look, pause_seconds=0.0)
    with pytest.raises(ConnectionError):
        await shared.look()
    await shared.look()
    assert answers == []
