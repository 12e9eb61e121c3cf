"""Git declares, Flux's real kustomize-controller applies and waits, and hears the operator."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from support import declared
from support.cluster import Cluster
from support.far_registry import far_registry
from support.flux import NAMESPACE, SOURCE, Flux, running_flux
from support.operator_process import (
    ACCOUNT,
    ROOT,
    account_kubeconfig,
    eventually,
    install_rights,
    operator_process,
)
from support.operator_process import NAMESPACE as PLATFORM

pytestmark = pytest.mark.cluster

TENANTS = "konstruct-tenants"
GITOPS = ROOT / "manifests" / "gitops"


@pytest.fixture(scope="module")
def flux(cluster_with_crds: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    """Flux with the tenants' Kustomization as manifests/gitops has it, an operator, a registry."""
    folder = tmp_path_factory.mktemp("flux")
    install_rights(cluster_with_crds)
    account = account_kubeconfig(cluster_with_crds, folder, ACCOUNT, PLATFORM)
    with (
        far_registry() as registry,
        running_flux(cluster_with_crds, folder) as found,
        operator_process(
            account, registry.url, folder, name="flux", MISSING_SECONDS="2", SWEEP_SECONDS="3"
        ) as operator,
    ):
        eventually(operator.leads, what="leadership")
        _declare_as_documented(cluster_with_crds)
        yield found
        _commit(found)
        eventually(
            lambda: not cluster_with_crds.get("tenants")["items"], seconds=60, what="pruning"
        )


def _declare_as_documented(cluster: Cluster) -> None:
    """Apply source and tenants of manifests/gitops/flux; the platform is there already."""
    source = yaml.safe_load((GITOPS / "flux/source.yaml").read_text())
    tenants = yaml.safe_load((GITOPS / "flux/tenants.yaml").read_text())
    platform = yaml.safe_load((GITOPS / "flux/platform.yaml").read_text())
    platform["spec"]["path"] = "./nothing"
    # What is waited for must fail within a test's patience; Flux's floor is half a minute.
    tenants["spec"]["timeout"] = "30s"
    tenants["spec"]["retryInterval"] = "10m"
    declared.apply(cluster, source, platform, tenants)


def _kustomization(*resources: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": list(resources),
        }
    )


def _commit(flux: Flux, *documents: dict[str, Any]) -> str:
    """Put the documents into Git in the place of the example's tenants; without any, prune all."""
    return flux.source.commit(
        {
            "nothing/kustomization.yaml": _kustomization(),
            "manifests/gitops/tenants/kustomization.yaml": _kustomization(
                *(["all.yaml"] if documents else [])
            ),
            "manifests/gitops/tenants/all.yaml": yaml.safe_dump_all(documents),
        }
    )


def _example() -> list[dict[str, Any]]:
    """Return the documents of the example tenant, suspended: there are no nodes here."""
    folder = GITOPS / "tenants" / "acme"
    names = [
        one
        for one in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
        if not one.startswith("#")
    ]
    found = [one for name in names for one in yaml.safe_load_all((folder / name).read_text())]
    next(one for one in found if one["kind"] == "Tenant")["spec"]["operatingMode"] = "Suspended"
    return found


def _of(commit: str) -> Callable[[str, str, str], bool]:
    return lambda status, _reason, message: status == "True" and commit in message


def test_a_commit_is_applied_when_everything_is_ready(flux: Flux) -> None:
    commit = _commit(flux, *_example())
    _, _, message = flux.until(TENANTS, _of(commit))
    assert commit in message
    for what in (("tenant", "acme"), ("-n", "tenant-acme", "agent", "ana")):
        ready = declared.conditions(flux.cluster, *what)["Ready"]
        assert ready["status"] == "True", ready


def test_a_stalled_connection_fails_the_commit_at_once_and_says_which(flux: Flux) -> None:
    slack = yaml.safe_load((GITOPS / "tenants/acme/slack.yaml").read_text())
    commit = _commit(flux, *_example(), slack)
    began = time.monotonic()
    status, reason, message = flux.until(
        TENANTS, lambda status, reason, _: status == "False" and reason == "HealthCheckFailed"
    )
    assert (status, reason) == ("False", "HealthCheckFailed"), commit
    assert "team" in message
    assert time.monotonic() - began < 28, "it must not take until the timeout"


def test_what_was_missing_mends_the_commit_when_it_comes(flux: Flux) -> None:
    orphan = declared.connection("tenant-acme", "workshop", to="bia")
    _commit(flux, *_example(), orphan)
    flux.until(TENANTS, lambda status, _, message: status == "False" and "workshop" in message)
    commit = _commit(flux, *_example(), orphan, declared.agent("tenant-acme", "bia"))
    what = ("-n", "tenant-acme", "kcc", "workshop")
    eventually(
        lambda: declared.conditions(flux.cluster, *what)["Ready"]["status"] == "True",
        what="the connection",
    )
    flux.reconcile(TENANTS)
    flux.until(TENANTS, _of(commit))


def test_a_tenant_whose_pods_are_not_there_yet_is_in_progress_until_the_time_is_up(
    flux: Flux,
) -> None:
    documents = _example()
    tenant = next(one for one in documents if one["kind"] == "Tenant")
    tenant["spec"]["operatingMode"] = "Running"
    commit = _commit(flux, *documents)
    revision = f"main@sha1:{commit}"
    eventually(
        lambda: flux.kustomization(TENANTS)["status"].get("lastAttemptedRevision") == revision,
        what="the commit",
    )
    _, _, message = flux.until(
        TENANTS, lambda status, _, message: status == "False" and "timeout" in message
    )
    assert "Tenant/acme status: 'InProgress'" in message


def test_applying_the_same_again_changes_nothing(flux: Flux) -> None:
    commit = _commit(flux, *_example())
    flux.until(TENANTS, _of(commit))
    before = _versions(flux.cluster)
    for _ in range(5):
        flux.reconcile_now(TENANTS)
    assert _versions(flux.cluster) == before


def test_what_somebody_changes_in_the_cluster_is_put_back(flux: Flux) -> None:
    commit = _commit(flux, *_example())
    flux.until(TENANTS, _of(commit))
    flux.cluster.kubectl(
        *("patch", "tenant", "acme", "--type=merge"),
        *("--patch", json.dumps({"spec": {"displayName": "Somebody else's"}})),
    )
    flux.reconcile(TENANTS)
    eventually(
        lambda: flux.cluster.get("tenant", "acme")["spec"]["displayName"] == "Acme Bicycles",
        what="the name of Git",
    )


def test_an_invalid_declaration_is_refused_as_a_whole(flux: Flux) -> None:
    before = flux.cluster.get("tenant", "acme")["spec"]["displayName"]
    documents = _example()
    next(one for one in documents if one["kind"] == "Tenant")["spec"]["displayName"] = "Changed"
    next(one for one in documents if one["kind"] == "Agent")["spec"]["instructions"] = 7
    _commit(flux, *documents)
    _, _, message = flux.until(
        TENANTS, lambda status, reason, _: status == "False" and reason == "ReconciliationFailed"
    )
    assert "instructions" in message
    assert flux.cluster.get("tenant", "acme")["spec"]["displayName"] == before


def _versions(cluster: Cluster) -> dict[str, str]:
    found = {}
    for kind in ("tenants", "agents", "channelconnections", "deployments", "networkpolicies"):
        for one in cluster.get(kind, "-A")["items"]:
            name = f"{kind}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"
            found[name] = one["metadata"]["resourceVersion"]
    return found


def test_the_source_is_the_one_that_the_examples_name(flux: Flux) -> None:
    assert flux.kustomization(TENANTS)["spec"]["sourceRef"]["name"] == SOURCE
    assert flux.cluster.get("-n", NAMESPACE, "gitrepository", SOURCE)["status"]["artifact"]
