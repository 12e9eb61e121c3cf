"""A slice of the ambiguous sends: Slack takes a message, and its answer is lost, late or wrong."""

import pytest

from support.campaigns.ambiguous_send import Plan, run
from support.postgres import Database


@pytest.mark.postgres
@pytest.mark.sockets
async def test_nothing_is_seen_twice_whatever_happens_to_the_answers(database: Database) -> None:
    plan = Plan(
        seed=20261123,
        sends=60,
        tenants=4,
        channels=20,
        late_seconds=9,
        asking_fails=False,
        seconds=90,
        quiet=True,
    )
    result = await run(plan, database)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.clean, result
    assert result.visible == plan.sends
    assert result.unasked == 0
    assert result.troubles["drop the answer"] > 5
