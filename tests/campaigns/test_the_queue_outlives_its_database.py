"""A slice of the queue chaos: what five faults leave undone is done afterwards, once."""

from pathlib import Path

import pytest

from support.campaigns.queue_chaos import FAULTS, Plan, Recovery, run


@pytest.mark.process
@pytest.mark.postgres
async def test_nothing_is_lost_in_any_of_the_five_faults(tmp_path: Path) -> None:
    plan = Plan(
        seed=20261123,
        rate=6,
        visitors=6,
        baseline_seconds=3,
        fault_seconds=2,
        watch_seconds=2,
        quiet=True,
    )
    result = await run(plan, tmp_path)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.verdict.clean, result
    assert result.verdict.accepted > 50
    assert [one.fault for one in result.recoveries] == list(FAULTS)


def test_a_recovery_is_good_when_it_is_whole_and_soon() -> None:
    assert Recovery("crash", 0.99, 10.0).good
    assert not Recovery("crash", 0.98, 1.0).good
    assert not Recovery("crash", 1.2, 10.5).good
