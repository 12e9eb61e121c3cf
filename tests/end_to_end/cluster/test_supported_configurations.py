"""Every supported configuration is installed, answers, and is uninstalled without a trace.

`make test` takes the one that differs most from the release of the other tests, with a database by
URL; `make test-configurations` takes all, or those named: CONFIGURATIONS=narrow,trial.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping

import httpx
import pytest

from support import helm
from support.configurations import RENDERED_ONLY, configured
from support.node import NodeCluster
from support.operator_process import eventually
from support.release import Release, kinds_installed
from support.visitor import arriving

pytestmark = pytest.mark.node

_USUAL = ("httproute",)
# Whose only model is a vendor's, which is not there to be asked.
_SILENT = frozenset({"ingress"})
# What a configuration puts before the cluster that no other test's release has.
_SHOWS: Mapping[str, tuple[str, ...]] = {
    "httproute": ("httproute/konstruct", "podmonitor", "prometheusrule", "configmap"),
    "ingress": ("ingress/konstruct", "hpa/konstruct-gateway", "hpa/konstruct-llm"),
}


def _chosen() -> list[str]:
    every = [file.name.removesuffix("-values.yaml") for file in helm.supported()]
    installable = [name for name in every if name not in RENDERED_ONLY]
    wanted = [name for name in os.environ.get("KONSTRUCT_CONFIGURATIONS", "").split(",") if name]
    if wanted == ["all"]:
        return installable
    unknown = set(wanted) - set(installable)
    assert not unknown, f"No such configuration: {unknown}; there are {installable}."
    return [name for name in installable if name in (wanted or _USUAL)]


@pytest.fixture(scope="module")
def kinds(node_cluster: NodeCluster, request: pytest.FixtureRequest) -> Iterator[NodeCluster]:
    """The four kinds and no release; the one of the other tests was uninstalled by the last."""
    where = ("--kubeconfig", node_cluster.kubeconfig, "--namespace", "konstruct-system")
    helm.run("helm", "uninstall", "konstruct", "--ignore-not-found", "--wait", *where)
    with kinds_installed(node_cluster):
        yield node_cluster


@pytest.mark.parametrize("name", _chosen())
async def test_it_is_installed_answers_and_leaves_nothing(
    kinds: NodeCluster, images: Mapping[str, str], name: str
) -> None:
    with configured(kinds, images, name) as release:
        _everything_is_ready(release)
        for what in _SHOWS.get(name, ()):
            assert kinds.kubectl("get", what, "-n", release.namespace, "-o", "name")
        if name == "ingress":
            await asyncio.to_thread(_autoscalers_hold_two, release)
        with release.tenants("acme"):
            await asyncio.to_thread(release.wait_ready, "acme")
            if name not in _SILENT:
                await _one_question_is_answered(release)
        assert await asyncio.to_thread(release.uninstall) == ""
        assert release.cluster_wide() == set()
        left = kinds.kubectl(
            "get", "deployments,statefulsets", "-n", release.namespace, "-o", "name"
        )
        assert left == ""


def _everything_is_ready(release: Release) -> None:
    running = [one for one in release.pods() if one["status"]["phase"] != "Succeeded"]
    assert {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in running} >= {
        "gateway",
        "llm",
        "operator",
        "portal",
    }
    for pod in running:
        ready = {one["type"]: one["status"] for one in pod["status"]["conditions"]}
        assert ready["Ready"] == "True", pod["metadata"]["name"]
    answer = httpx.get(f"{release.portal_url}/login", trust_env=False)
    assert answer.status_code == 200


async def _one_question_is_answered(release: Release) -> None:
    async with arriving(release.gateway_url, "acme/website") as visitor:
        reply = await visitor.ask("My name is Eva", seconds=60)
    assert "Eva" in reply["text"]


def _autoscalers_hold_two(release: Release) -> None:
    """Nobody measures here, so each autoscaler keeps its least number of pods."""
    for program in ("gateway", "llm", "portal"):
        eventually(
            lambda program=program: len(release.pods(program)) == 2,  # type: ignore[misc]
            seconds=90,
            what=f"two pods of {program}",
        )
