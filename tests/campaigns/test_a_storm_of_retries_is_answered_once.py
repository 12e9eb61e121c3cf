"""A slice of the retry storm: what comes several times, in any order and late, counts once."""

import pytest

from support.campaigns.retry_storm import Plan, run
from support.postgres import Database


@pytest.mark.postgres
async def test_what_is_delivered_again_and_again_is_answered_once(database: Database) -> None:
    plan = Plan(seed=20261123, events=500, quiet=True, seconds=300)
    result = await run(plan, database)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.events <= result.verdict.accepted * 2
    assert sum(result.deliveries.values()) > 2 * plan.events
    assert min(result.deliveries[one] for one in ("slack", "whatsapp")) > plan.events // 2
    assert result.clean, result
    assert set(result.answers) <= {200, 503}
