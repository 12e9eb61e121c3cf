"""An uninstallation is refused while tenants exist, and otherwise leaves nothing behind."""

import pytest

from support.operator_process import eventually
from support.release import NAMESPACE, Release

pytestmark = pytest.mark.node

# The data, and the keys without which nothing in them opens; the manual says how to delete them.
KEPT = {
    "secret/konstruct-keys",
    "secret/konstruct-first-login",
    "persistentvolumeclaim/data-konstruct-postgres-0",
}
NAMESPACED = (
    "pods,deployments,statefulsets,jobs,services,configmaps,secrets,serviceaccounts,roles,"
    "rolebindings,networkpolicies,poddisruptionbudgets,leases,persistentvolumeclaims"
)


def test_it_is_refused_while_a_tenant_exists(release: Release) -> None:
    with release.tenants("resident"):
        release.wait_ready("resident")
        assert "konstruct-require-no-tenants" in release.uninstall()
        said = release.cluster.kubectl("logs", "-n", NAMESPACE, "job/konstruct-require-no-tenants")
        assert "resident" in said
        release.wait_ready("resident")
        assert release.pods("gateway")


def test_it_leaves_nothing_but_the_kinds_and_the_keys(release: Release) -> None:
    assert release.uninstall() == ""
    assert release.cluster_wide() == set()
    eventually(lambda: _namespaced(release) == KEPT, seconds=180, what="the end of all objects")
    kinds = release.cluster.kubectl("get", "crd", "-o", "name").split()
    assert len([one for one in kinds if one.endswith(".konstruct.dev")]) == 4


def _namespaced(release: Release) -> set[str]:
    listed = release.cluster.kubectl("get", NAMESPACED, "-n", NAMESPACE, "-o", "name").split()
    # Helm's own record of the kinds' release, and what is the namespace's, not ours.
    return {one for one in listed if "konstruct-" in one and "/sh.helm" not in one}
