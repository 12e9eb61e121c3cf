"""A slice of R3 with WhatsApp: answers are lost, statuses decide, and nothing is posted again."""

import pytest

from support.campaigns.ambiguous_whatsapp import Plan, run
from support.postgres import Database


@pytest.mark.postgres
@pytest.mark.sockets
async def test_nothing_is_posted_again_without_a_verdict(database: Database) -> None:
    plan = Plan(
        seed=20261123,
        sends=60,
        tenants=2,
        late_seconds=20,
        status_seconds=1,
        seconds=100,
        quiet=True,
    )
    result = await run(plan, database)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.clean, result
    assert result.settled_by_status > 0
    assert result.unknown_taken + result.unknown_never_taken == result.states["Unknown"]
    assert result.troubles["drop the answer"] > 5
