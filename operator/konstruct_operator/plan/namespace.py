"""The namespace of a tenant that did not bring one, and the operator's way into it."""

from konstruct_operator import names
from konstruct_operator.observed import Document, Observed
from konstruct_operator.plan.metadata import child, child_labels, with_hash
from konstruct_operator.settings import OperatorSettings


def namespace(observed: Observed) -> Document:
    """Return the namespace, marked as made by us: only such a one is deleted with the tenant.

    No owner reference: the garbage collector would destroy the namespace of a restored Tenant.
    """
    document: Document = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": observed.namespace_name,
            "labels": {
                **child_labels(observed.name),
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
            "annotations": {names.ANNOTATION_CREATED: names.MANAGED_BY},
        },
    }
    return with_hash(document)


def operator_binding(observed: Observed, settings: OperatorSettings) -> Document:
    """Return the RoleBinding that gives the operator its rights in this namespace, and no more."""
    return child(
        observed,
        api_version="rbac.authorization.k8s.io/v1",
        kind="RoleBinding",
        name=names.OPERATOR_BINDING,
        body={
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": names.TENANT_CLUSTER_ROLE,
            },
            "subjects": [
                {
                    "kind": "ServiceAccount",
                    "name": settings.service_account,
                    "namespace": settings.namespace,
                }
            ],
        },
    )
