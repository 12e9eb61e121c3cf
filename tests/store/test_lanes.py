"""What arrives under a key while something goes on under it waits, and then goes together."""

import asyncio
from collections.abc import Sequence

import pytest

from konstruct_store.lanes import Lanes


class Road:
    """Carries texts out, each run when the test lets it."""

    def __init__(self) -> None:
        self.runs: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def together(self, requests: Sequence[str]) -> list[str | Exception]:
        self.runs.append(list(requests))
        await asyncio.sleep(0)
        await self.open.wait()
        if "stuck" in requests and len(requests) == 1:
            raise OSError("stuck")
        return [ValueError(one) if one == "bad" else one.upper() for one in requests]


def anything(_first: str, _other: str) -> bool:
    return True


async def sent(lanes: Lanes, road: Road, *texts: str, key: str = "k") -> list[asyncio.Task[str]]:
    tasks = [
        asyncio.create_task(lanes.go(key, text, road.together, lambda a, b: a[0] == b[0]))
        for text in texts
    ]
    await asyncio.sleep(0)
    return tasks


async def test_what_waits_goes_together_and_in_order() -> None:
    lanes, road = Lanes(), Road()
    answers = await asyncio.gather(
        *(lanes.go("k", text, road.together, anything) for text in ("a", "b", "c"))
    )
    assert answers == ["A", "B", "C"]
    assert road.runs == [["a"], ["b", "c"]]
    assert await lanes.go("k", "d", road.together, anything) == "D"
    assert road.runs[2:] == [["d"]]


async def test_keys_do_not_wait_for_each_other() -> None:
    lanes, road, other = Lanes(), Road(), Road()
    road.open.clear()
    [stuck] = await sent(lanes, road, "a")
    assert await lanes.go("other", "b", other.together, anything) == "B"
    road.open.set()
    assert await stuck == "A"


async def test_at_most_so_many_go_together() -> None:
    lanes, road = Lanes(most=2), Road()
    await asyncio.gather(*(lanes.go("k", text, road.together, anything) for text in "abcdef"))
    assert road.runs == [["a"], ["b", "c"], ["d", "e"], ["f"]]


async def test_what_does_not_fit_goes_in_its_turn() -> None:
    lanes, road = Lanes(), Road()
    road.open.clear()
    tasks = await sent(lanes, road, "a0", "a1", "b1", "b2", "a3")
    road.open.set()
    await asyncio.gather(*tasks)
    assert road.runs == [["a0"], ["a1"], ["b1", "b2"], ["a3"]]


async def test_each_caller_gets_its_own_outcome() -> None:
    lanes, road = Lanes(), Road()
    found = await asyncio.gather(
        *(lanes.go("k", text, road.together, anything) for text in ("a", "bad", "c")),
        return_exceptions=True,
    )
    assert found[0] == "A"
    assert isinstance(found[1], ValueError)
    assert found[2] == "C"


async def test_a_run_that_fails_fails_its_callers_and_the_lane_goes_on() -> None:
    lanes, road = Lanes(most=1), Road()
    found = await asyncio.gather(
        *(lanes.go("k", text, road.together, anything) for text in ("stuck", "stuck", "c")),
        return_exceptions=True,
    )
    assert [type(one) for one in found] == [OSError, OSError, str]


async def test_whoever_is_cancelled_while_waiting_takes_its_request_back() -> None:
    lanes, road = Lanes(), Road()
    road.open.clear()
    tasks = await sent(lanes, road, "a1", "a2", "a3")
    tasks[1].cancel()
    await asyncio.sleep(0)
    road.open.set()
    assert await tasks[2] == "A3"
    assert road.runs == [["a1"], ["a3"]]
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]


async def test_the_first_ones_cancellation_leaves_the_others_alone() -> None:
    lanes, road = Lanes(), Road()
    road.open.clear()
    tasks = await sent(lanes, road, "a1", "a2")
    tasks[0].cancel()
    await asyncio.sleep(0)
    road.open.set()
    assert await tasks[1] == "A2"
