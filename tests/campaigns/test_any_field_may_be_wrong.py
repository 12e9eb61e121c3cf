"""A slice of the campaign over fields: refused clearly, or at rest as declared, and back again."""

from pathlib import Path

import pytest

from support.campaigns.leaves import changes, leaves, published
from support.campaigns.resources import Plan, run
from support.cluster import Cluster


@pytest.mark.cluster
@pytest.mark.process
async def test_wrong_fields_are_refused_or_come_to_rest_and_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    plan = Plan(seed=20261123, transitions=45, lanes=3, seconds=120, quiet=True)
    result = await run(plan, cluster, tmp_path)
    print(plan.seed, result.figures())  # noqa: T201 - the seed belongs into a failing run's output
    assert result.clean, result.figures()
    assert result.changes == plan.transitions
    assert result.refused > 5
    assert result.returned > 2


def test_every_field_of_every_kind_is_changed() -> None:
    found = changes()
    for kind in ("Tenant", "Agent", "ChannelConnection", "AgentTemplate"):
        changed = {one.leaf for one in found if one.kind == kind}
        assert set(leaves(published(kind))) <= changed
    assert len(found) >= 3000
