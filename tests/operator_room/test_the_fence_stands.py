"""Rights: what the operator's account cannot do, and what nobody does to a tenant's label."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import declared
from support.cluster import Cluster
from support.operator_process import ACCOUNT, NAMESPACE, account_kubeconfig

pytestmark = pytest.mark.cluster

OPERATOR = f"--as=system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
GROUPS = ("--as-group=system:serviceaccounts", "--as-group=system:authenticated")


@pytest.fixture(scope="module")
def tenants_namespace(fenced: Cluster) -> Iterator[str]:
    declared.apply(fenced, declared.namespace("fence"))
    yield "team-fence"
    fenced.kubectl("delete", "namespace", "team-fence", "--wait=false")


@pytest.mark.parametrize("place", ["kube-system", "default", NAMESPACE])
def test_the_operator_binds_nothing_outside_tenants_namespaces(fenced: Cluster, place: str) -> None:
    error = _bind(fenced, place, "konstruct-operator-tenant")
    assert "only in namespaces labelled konstruct.dev/tenant" in error


@pytest.mark.parametrize("role", ["cluster-admin", "admin", "edit"])
def test_the_operator_binds_no_other_role(
    fenced: Cluster, tenants_namespace: str, role: str
) -> None:
    assert "forbidden" in _bind(fenced, tenants_namespace, role).lower()


def test_the_operator_binds_nobody_else(fenced: Cluster, tenants_namespace: str) -> None:
    error = _bind(fenced, tenants_namespace, "konstruct-operator-tenant", subject="default:default")
    assert "binds only itself" in error


def test_the_operator_binds_itself_in_a_tenants_namespace(
    fenced: Cluster, tenants_namespace: str
) -> None:
    assert _bind(fenced, tenants_namespace, "konstruct-operator-tenant") == ""


def test_the_operator_creates_no_unlabelled_namespace(fenced: Cluster) -> None:
    refused = fenced.try_kubectl("create", "namespace", "anything", OPERATOR, *GROUPS)
    assert "only namespaces that it made for a tenant" in refused.stderr


@pytest.mark.parametrize("place", [NAMESPACE, "team-fence"])
def test_the_operator_deletes_no_namespace_that_it_did_not_make(
    fenced: Cluster, tenants_namespace: str, place: str
) -> None:
    refused = fenced.try_kubectl(
        "delete", "namespace", place, "--dry-run=server", OPERATOR, *GROUPS
    )
    assert "only namespaces that it made for a tenant" in refused.stderr


def test_the_operator_labels_no_namespace_for_a_tenant(fenced: Cluster) -> None:
    refused = fenced.try_kubectl(
        "label", "namespace", "kube-public", "konstruct.dev/tenant=acme", OPERATOR, *GROUPS
    )
    assert "only namespaces that it made for a tenant" in refused.stderr


@pytest.mark.parametrize("verb", ["list", "watch", "get", "create", "patch", "update"])
def test_the_operator_reads_no_secrets_of_the_cluster(fenced: Cluster, verb: str) -> None:
    answer = fenced.try_kubectl("auth", "can-i", verb, "secrets", "-A", OPERATOR, *GROUPS)
    assert answer.stdout.strip() == "no"


@pytest.mark.parametrize(
    "right",
    [
        "create pods",
        "create deployments.apps -n kube-system",
        "create clusterrolebindings",
        "escalate clusterroles",
        "bind clusterroles/cluster-admin",
        "update agents",
        "patch agents",
        "delete tenants",
        "impersonate users",
        "get configmaps -n kube-system",
    ],
)
def test_the_operator_may_not(fenced: Cluster, right: str) -> None:
    answer = fenced.try_kubectl("auth", "can-i", *right.split(), OPERATOR, *GROUPS)
    assert answer.stdout.strip() == "no"


def test_squatting_on_a_tenants_label_is_refused_without_the_right_to_update_it(
    fenced: Cluster, tmp_path: Path
) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "konstruct-test-namespace-maker"},
        "rules": [
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]},
            {
                "apiGroups": ["konstruct.dev"],
                "resources": ["tenants"],
                "resourceNames": ["mine"],
                "verbs": ["update"],
            },
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "konstruct-test-namespace-maker"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "konstruct-test-namespace-maker",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE}],
    }
    declared.apply(fenced, role, binding, declared.namespace("victim"))
    account = account_kubeconfig(fenced, tmp_path, "default", NAMESPACE)
    maker = Cluster(kubeconfig=account, kubectl_program=fenced.kubectl_program)
    try:
        squatter = json.dumps(declared.namespace("victim", "squatter"))
        refused = maker.try_kubectl("create", "-f", "-", input=squatter)
        assert "may be set only by those who may update the Tenant victim" in refused.stderr
        stolen = maker.try_kubectl("label", "namespace", "team-victim", "konstruct.dev/tenant-")
        assert "may be changed or removed only by those" in stolen.stderr
        given = maker.try_kubectl(
            "label", "namespace", "team-victim", "konstruct.dev/tenant=mine", "--overwrite"
        )
        assert "Tenant victim" in given.stderr
        maker.kubectl("create", "namespace", "plain")
        maker.kubectl("label", "namespace", "plain", "konstruct.dev/tenant=mine")
        maker.kubectl("label", "namespace", "plain", "other=label")
    finally:
        fenced.kubectl("delete", "namespace", "team-victim", "plain", "--ignore-not-found")
        name = "konstruct-test-namespace-maker"
        fenced.kubectl("delete", f"clusterrolebinding/{name}", f"clusterrole/{name}")


def test_the_policies_pass_the_api_servers_type_check(fenced: Cluster) -> None:
    for policy in fenced.get("validatingadmissionpolicies")["items"]:
        if policy["metadata"]["name"].startswith("konstruct"):
            warnings = policy.get("status", {}).get("typeChecking", {})
            assert not warnings.get("expressionWarnings"), policy["metadata"]["name"]


def _bind(
    cluster: Cluster, place: str, role: str, *, subject: str = f"{NAMESPACE}:{ACCOUNT}"
) -> str:
    """Try to bind a role as the operator; return the refusal, '' if there was none."""
    result = cluster.try_kubectl(
        "create",
        "rolebinding",
        "konstruct-operator",
        f"--clusterrole={role}",
        f"--serviceaccount={subject}",
        "-n",
        place,
        "--dry-run=server",
        OPERATOR,
        *GROUPS,
    )
    return result.stderr.strip()
