"""What a watch never told of is found when lists are compared."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Cluster as Door
from konstruct_operator.cluster.watched import Watched
from konstruct_operator.plan.comparison import differs
from konstruct_operator.plan.metadata import child_labels
from support.cluster import Cluster

pytestmark = pytest.mark.cluster

PLACE = "default"


@pytest.fixture
async def door(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    found = await Door.connect()
    yield found
    await found.delete(kinds.SERVICE_ACCOUNT, "missed", namespace=PLACE)
    await found.close()


def account(**annotations: str) -> dict[str, Any]:
    metadata = {"name": "missed", "namespace": PLACE, "labels": child_labels("nobody")}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {**metadata, "annotations": annotations},
    }


async def test_children_made_changed_and_deleted_unheard_are_found(door: Door) -> None:
    changed: list[str] = []
    watched = Watched(door, lambda _, document: changed.append(document["metadata"]["name"]))

    def seen() -> dict[str, Any] | None:
        return watched.find(kinds.SERVICE_ACCOUNT, "missed", namespace=PLACE)

    await door.apply(kinds.SERVICE_ACCOUNT, account(step="made"))
    await watched.compare()
    made = seen()
    assert made is not None
    assert made["metadata"]["annotations"]["step"] == "made"
    assert not differs(made, account(step="made"))
    await watched.compare()
    assert changed.count("missed") == 1

    await door.apply(kinds.SERVICE_ACCOUNT, account(step="changed"))
    await watched.compare()
    again = seen()
    assert again is not None
    assert again["metadata"]["annotations"]["step"] == "changed"

    await door.delete(kinds.SERVICE_ACCOUNT, "missed", namespace=PLACE)
    async with asyncio.timeout(20):
        while seen() is not None:
            await watched.compare()
    assert changed.count("missed") == 3
