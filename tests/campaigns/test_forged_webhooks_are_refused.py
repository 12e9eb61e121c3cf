"""A slice of the forgery campaign: thousands of mutants of every channel's webhooks."""

import random

import pytest

from support.campaigns.forgery import Plan, run
from support.campaigns.mutants import MUTATIONS
from support.postgres import Database


@pytest.mark.postgres
@pytest.mark.sockets
async def test_no_mutant_is_taken_and_every_genuine_webhook_is(database: Database) -> None:
    plan = Plan(seed=20261123, mutants=12_000, quiet=True, seconds=120)
    result = await run(plan, database)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.clean, result
    assert result.mutants >= plan.mutants
    assert result.genuine > plan.mutants // 60
    assert result.over_sockets >= plan.mutants // 250
    assert result.channels.keys() >= {"slack", "whatsapp"}
    assert all(n > plan.mutants // 10 for n in result.channels.values())
    assert len(result.kinds) > len(MUTATIONS)


def test_the_same_seed_makes_the_same_choices() -> None:
    assert random.Random(3).choices(MUTATIONS, k=20) == random.Random(3).choices(MUTATIONS, k=20)
