"""A slice of the outages of the API server: what changed meanwhile arrives afterwards."""

from pathlib import Path

import pytest

from support.campaigns.api_server_outages import Plan, run
from support.cluster import Cluster

pytestmark = pytest.mark.cluster


async def test_what_changes_during_an_outage_arrives_after_it(
    cluster_with_crds: Cluster, tmp_path: Path
) -> None:
    plan = Plan(
        seed=20261123,
        outages=7,
        silences=0,
        tenants=2,
        agents=2,
        changes=3,
        longest_seconds=1.5,
        restarts=False,
        quiet=True,
    )
    result = await run(plan, cluster_with_crds, tmp_path)
    print(plan.seed, result.figures())  # noqa: T201 - they belong into a failing run's output
    assert result.clean, result.figures()
    assert result.outages.total() == plan.outages == len(result.outages)
    assert result.changed >= plan.outages * plan.changes
    assert result.caught_up[0] == plan.tenants * plan.agents
