"""A slice of the failpoints: some boundaries of a message's path, and the traps themselves."""

from pathlib import Path

import pytest

from support.campaigns.failpoints import HOPS, Plan, run
from support.campaigns.trap import AFTER, BEFORE, Point, Sprung, Trap


@pytest.mark.process
@pytest.mark.postgres
async def test_one_answer_comes_out_wherever_a_program_dies(tmp_path: Path) -> None:
    plan = Plan(seed=20261123, points=5, idle_seconds=2, quiet=True)
    result = await run(plan, tmp_path)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.clean, result
    assert result.cases == plan.points
    assert result.reached >= plan.points - 2
    assert set(result.boundaries) <= set(HOPS)


async def test_a_trap_kills_once_at_the_point_it_waits_for() -> None:
    killed: list[str] = []

    async def kill() -> None:
        killed.append("agent")

    trap = Trap()
    await trap.passes("a>b", "POST /", BEFORE)
    trap.arm(Point("a>b", "POST /", AFTER, nth=2), kill)
    await trap.passes("a>b", "POST /", BEFORE)
    await trap.passes("b>c", "POST /", AFTER)
    await trap.passes("a>b", "POST /", AFTER)
    assert not killed
    with pytest.raises(Sprung):
        await trap.passes("a>b", "POST /", AFTER)
    await trap.passes("a>b", "POST /", AFTER)
    assert killed == ["agent"]
    assert trap.seen["a>b", "POST /", AFTER] == 3
