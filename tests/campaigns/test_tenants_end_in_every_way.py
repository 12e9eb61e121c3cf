"""A slice of the campaign over deletions: gone, nothing left, nobody else touched."""

from pathlib import Path

import pytest

from support.campaigns.deletion import WAYS, Plan, run
from support.cluster import Cluster


@pytest.mark.cluster
@pytest.mark.process
async def test_tenants_end_wholly_and_touch_nobody(cluster: Cluster, tmp_path: Path) -> None:
    plan = Plan(seed=20261123, tenants=10, lanes=5, bystanders=1, quiet=True)
    result = await run(plan, cluster, tmp_path)
    print(plan.seed, result.figures())  # noqa: T201 - the seed belongs into a failing run's output
    assert result.clean, result.figures()
    assert result.ended.total() >= plan.tenants
    assert len(result.ended) >= len(WAYS) // 3
