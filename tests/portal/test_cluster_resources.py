"""Resources in a real Kubernetes API: edits without force, conflicts that name the owner."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from kubernetes.aio import client, config

from konstruct_portal.cluster import MANAGER, ClusterResources
from konstruct_portal.errors import (
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourcesUnavailable,
)
from konstruct_portal.resources import Resource
from support.cluster import Cluster

pytestmark = pytest.mark.cluster


@pytest.fixture
def namespace(cluster_with_crds: Cluster) -> Iterator[str]:
    name = f"portal-{uuid4().hex[:8]}"
    cluster_with_crds.kubectl("create", "namespace", name)
    yield name
    cluster_with_crds.kubectl("delete", "namespace", name, "--wait=false")


@pytest_asyncio.fixture
async def resources(cluster_with_crds: Cluster) -> AsyncIterator[ClusterResources]:
    settings = client.Configuration()
    await config.load_kube_config(
        config_file=str(cluster_with_crds.kubeconfig),
        client_configuration=settings,  # type: ignore[no-untyped-call]
    )
    async with client.ApiClient(settings) as api:
        yield ClusterResources(api)


def declare(cluster: Cluster, namespace: str, *options: str, **spec: Any) -> None:
    document = {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "Agent",
        "metadata": {"name": "ana", "namespace": namespace},
        "spec": {"displayName": "Ana", **spec},
    }
    cluster.kubectl("apply", "--server-side", *options, "-f", "-", input=json.dumps(document))


async def test_what_the_portal_made_it_may_change_and_take_back(
    resources: ClusterResources, namespace: str
) -> None:
    made = await resources.create(
        Resource("Agent", "ana", namespace, {"displayName": "Ana", "persona": "Warm."})
    )
    changed = await resources.replace_spec(
        made, {**made.spec, "persona": "Dry.", "role": "Helper", "avatar": {"emoji": "🐙"}}
    )
    assert changed.spec["persona"] == "Dry."
    assert changed.managed_by == ""
    without = {key: value for key, value in changed.spec.items() if key not in {"role", "avatar"}}
    last = await resources.replace_spec(changed, without)
    assert "role" not in last.spec
    assert "avatar" not in last.spec
    assert last.spec["persona"] == "Dry."
    assert [one.name for one in await resources.list("Agent", namespace=namespace)] == ["ana"]
    await resources.delete(last)
    with pytest.raises(ResourceNotFound):
        await resources.get("Agent", "ana", namespace=namespace)


async def test_a_field_that_another_declares_is_a_conflict_that_names_it(
    resources: ClusterResources, cluster_with_crds: Cluster, namespace: str
) -> None:
    declare(cluster_with_crds, namespace, "--field-manager=argocd-controller", persona="Warm.")
    found = await resources.get("Agent", "ana", namespace=namespace)
    assert found.managed_by == "argocd-controller"
    with pytest.raises(ResourceConflict) as refused:
        await resources.replace_spec(found, {**found.spec, "persona": "Dry."})
    assert refused.value.owner == "argocd-controller"
    without = {key: value for key, value in found.spec.items() if key != "persona"}
    with pytest.raises(ResourceConflict) as refused:
        await resources.replace_spec(found, {**without, "role": "Helper"})
    assert refused.value.owner == "argocd-controller"
    untouched = await resources.get("Agent", "ana", namespace=namespace)
    assert untouched.spec == found.spec


async def test_what_nobody_declares_can_be_added_beside_a_gitops_controller(
    resources: ClusterResources, cluster_with_crds: Cluster, namespace: str
) -> None:
    declare(cluster_with_crds, namespace, "--field-manager=argocd-controller", persona="Warm.")
    found = await resources.get("Agent", "ana", namespace=namespace)
    changed = await resources.replace_spec(found, {**found.spec, "role": "Helper"})
    assert changed.spec["role"] == "Helper"
    # The controller's own next apply is no conflict: the portal took nothing of it.
    declare(cluster_with_crds, namespace, "--field-manager=argocd-controller", persona="Dry.")
    after = await resources.get("Agent", "ana", namespace=namespace)
    assert (after.spec["persona"], after.spec["role"]) == ("Dry.", "Helper")


async def test_a_change_in_between_is_a_conflict_without_an_owner(
    resources: ClusterResources, namespace: str
) -> None:
    made = await resources.create(Resource("Agent", "ana", namespace, {"displayName": "Ana"}))
    await resources.replace_spec(made, {**made.spec, "role": "One"})
    with pytest.raises(ResourceConflict) as refused:
        await resources.replace_spec(made, {**made.spec, "role": "Two"})
    assert refused.value.owner == ""


async def test_every_broken_rule_is_told_with_its_field(
    resources: ClusterResources, namespace: str
) -> None:
    made = await resources.create(Resource("Agent", "ana", namespace, {"displayName": "Ana"}))
    with pytest.raises(ResourceInvalid) as refused:
        await resources.replace_spec(
            made, {**made.spec, "displayName": "x" * 129, "operatingMode": "Sometimes"}
        )
    assert {one.path for one in refused.value.problems} >= {
        "spec.displayName",
        "spec.operatingMode",
    }
    with pytest.raises(ResourceInvalid) as refused:
        await resources.replace_spec(made, {**made.spec, "noSuchField": 1})
    assert [one.path for one in refused.value.problems] == ["spec.noSuchField"]
    with pytest.raises(ResourceConflict):
        await resources.create(Resource("Agent", "ana", namespace, {"displayName": "Ana"}))
    assert MANAGER == "konstruct-portal"


async def test_a_secret_is_made_and_its_values_are_not_given_back(
    resources: ClusterResources, cluster_with_crds: Cluster, namespace: str
) -> None:
    data = {"botToken": "xoxb-1"}
    name = await resources.create_secret(namespace, "team-", data, use="channel")
    assert name.startswith("team-")
    again = await resources.create_secret(namespace, "team-", data, use="channel")
    assert again != name
    stored = json.loads(
        cluster_with_crds.kubectl("get", "secret", name, "-n", namespace, "-o", "json")
    )
    assert stored["immutable"] is True
    assert stored["metadata"]["labels"] == {
        "konstruct.dev/use": "channel",
        "konstruct.dev/written-by": "portal",
    }
    assert stored["data"] == {"botToken": "eG94Yi0x"}
    with pytest.raises(ResourceNotFound):
        await resources.create_secret("no-such-namespace", "team-", data, use="channel")


async def test_a_dry_run_says_what_is_wrong_and_writes_nothing(
    resources: ClusterResources, namespace: str
) -> None:
    wrong = Resource("ChannelConnection", "team", namespace, {"type": "Slack"})
    with pytest.raises(ResourceInvalid):
        await resources.create(wrong, dry_run=True)
    spec = {"type": "WebChat", "agentRef": {"name": "ana"}, "webChat": {"visitors": "Allowed"}}
    right = Resource("ChannelConnection", "site", namespace, spec)
    await resources.create(right, dry_run=True)
    assert await resources.list("ChannelConnection", namespace=namespace) == []
    made = await resources.create(right)
    changed = {**made.spec, "gatherMilliseconds": 500}
    assert (await resources.replace_spec(made, changed, dry_run=True)).spec == changed
    stored = await resources.get("ChannelConnection", "site", namespace=namespace)
    assert stored.spec["gatherMilliseconds"] == 0


async def test_an_api_that_is_away_is_no_missing_resource() -> None:
    settings = client.Configuration(host="http://127.0.0.1:9")
    async with client.ApiClient(settings) as api:
        with pytest.raises(ResourcesUnavailable):
            await ClusterResources(api).list("Tenant")
