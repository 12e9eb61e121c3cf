"""However much one key wants, the others find some left."""

import asyncio

import pytest

from konstruct_store.shares import Shares


class Holder:
    """Holds a place until it is told to let go."""

    def __init__(self, shares: Shares, key: str = "k", seconds: float = 5) -> None:
        self.inside = asyncio.Event()
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._run(shares, key, seconds))

    async def _run(self, shares: Shares, key: str, seconds: float) -> None:
        async with shares.hold(key, seconds=seconds):
            self.inside.set()
            await self.leave.wait()

    async def end(self) -> None:
        self.leave.set()
        await self.task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_key_never_holds_more_than_its_share() -> None:
    shares = Shares(2)
    greedy = [Holder(shares) for _ in range(5)]
    other = Holder(shares, "other")
    await settle()
    assert [one.inside.is_set() for one in greedy] == [True, True, False, False, False]
    assert other.inside.is_set()
    await greedy[0].end()
    await settle()
    assert [one.inside.is_set() for one in greedy] == [True, True, True, False, False]
    for one in (*greedy[1:], other):
        await one.end()


async def test_who_waited_too_long_is_told_and_blocks_nobody() -> None:
    shares = Shares(1)
    first, second = Holder(shares), Holder(shares, seconds=0.01)
    with pytest.raises(TimeoutError):
        await second.task
    await first.end()
    third = Holder(shares)
    await third.inside.wait()
    await third.end()


async def test_whoever_is_cancelled_while_waiting_leaves_the_queue() -> None:
    shares = Shares(1)
    first, second, third = Holder(shares), Holder(shares), Holder(shares)
    await settle()
    second.task.cancel()
    await settle()
    await first.end()
    await third.inside.wait()
    await third.end()


async def test_a_place_handed_to_someone_cancelled_is_passed_on() -> None:
    shares = Shares(1)
    first, second, third = Holder(shares), Holder(shares), Holder(shares)
    await settle()
    first.leave.set()
    await asyncio.wait([first.task])
    second.task.cancel()  # at the moment in which the place is handed over
    await third.inside.wait()
    await third.end()


async def test_who_gave_up_in_the_same_moment_as_a_place_was_free_hides_nobody() -> None:
    shares = Shares(1)
    first, second = Holder(shares), Holder(shares)
    await settle()
    second.task.cancel()
    # Before the second hears of it, its place is given on, and somebody new waits.
    first.leave.set()
    await asyncio.sleep(0)
    third = Holder(shares)
    with pytest.raises(asyncio.CancelledError):
        await second.task
    await first.task
    await third.inside.wait()
    await third.end()
