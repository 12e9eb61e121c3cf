"""An Agent of 170 KB: everything that is kept of it must fit beside it."""

import json
import uuid

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster


def test_an_agent_of_170_kilobytes_is_accepted_published_and_left_unmarked(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    place = "team-large"
    knowledge = [
        {"name": f"page-{number}", "type": "Text", "text": "All about bicycles. " * 700}
        for number in range(9)
    ]
    large = declared.agent(
        place,
        instructions="Be kind. " * 3600,
        persona="Patient. " * 900,
        knowledge=knowledge,
    )
    assert len(json.dumps(large)) > 160_000
    declared.apply(
        fenced, declared.namespace("large"), declared.tenant("large", namespace=place), large
    )
    what = ("agents", "ana", "-n", place)
    eventually(lambda: conditions(fenced, *what)["Accepted"]["status"] == "True")
    tenant_id = fenced.get("tenant", "large")["metadata"]["uid"]
    eventually(lambda: far.snapshot(tenant_id).agents)
    for _ in range(3):
        mark = f"konstruct.dev/requested-at={uuid.uuid4()}"
        fenced.kubectl("annotate", "agents.konstruct.dev", "ana", "-n", place, mark, "--overwrite")
    metadata = fenced.get(*what)["metadata"]
    assert set(metadata.get("annotations", {})) == {"konstruct.dev/requested-at"}
    assert "finalizers" not in metadata
    fenced.kubectl("delete", "agents.konstruct.dev", "ana", "-n", place, "--timeout=10s")
    eventually(lambda: not far.snapshot(tenant_id).agents)
