"""A slice of the hand-overs of leadership, and the judge of them on made-up ledgers."""

from pathlib import Path

import pytest

from support.campaigns.api_trouble import Write
from support.campaigns.leaders import ENDS, Plan, Result, judge, run
from support.cluster import Cluster


@pytest.mark.cluster
async def test_leaders_hand_over_without_writing_beside_each_other(
    cluster_with_crds: Cluster, tmp_path: Path
) -> None:
    plan = Plan(seed=20261123, handovers=len(ENDS), longest_stop=4.0, quiet=True)
    result = await run(plan, cluster_with_crds, tmp_path)
    print(plan.seed, result.figures())  # noqa: T201 - they belong into a failing run's output
    assert not result.overlaps, result.figures()
    assert not result.stuck
    assert not result.missed
    assert set(result.handovers) == set(ENDS)
    assert result.writes > plan.handovers


def test_a_write_after_anothers_take_over_is_an_overlap_and_one_before_it_is_not() -> None:
    holders = [(1.0, "a"), (5.0, ""), (6.0, "b"), (9.0, "a")]
    writes = [
        Write("a", "its own time", 2.0, 2.1),
        Write("a", "the last of its own", 5.5, 5.6),
        Write("a", "under way at the take-over", 5.9, 6.1),
        Write("a", "beside b", 6.5, 6.6),
        Write("b", "before its own", 3.0, 3.1),
        Write("a", "when it leads again", 9.5, 9.6),
        Write("c", "before anybody led", 0.5, 0.6),
    ]
    result = Result()
    judge(writes, holders, result)
    assert [one.split(": ")[1] for one in result.overlaps] == [
        "beside b",
        "before its own",
        "before anybody led",
    ]
    assert result.straddling == 1
