"""The pods in which a tenant's agents think."""

from typing import Any

from konstruct_operator import names
from konstruct_operator.observed import Document, Observed, secret_references
from konstruct_operator.plan import work_token
from konstruct_operator.plan.metadata import child, child_labels, keyed_hash
from konstruct_operator.settings import OperatorSettings

_DEFAULT_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}


def replicas(observed: Observed) -> int:
    """Return how many pods shall run.

    It is always rendered: leaving it out sets a sleeping Deployment to one. While nobody can say
    whether a sleeper is wanted, it stays as it is.
    """
    least = observed.tenant.spec.runtime.min_replicas
    if observed.suspended:
        return 0
    if least > 0:
        return least
    if observed.demand.known:
        return 1 if observed.demand.awake else 0
    known = observed.children.get(("Deployment", names.AGENT_NAME))
    return int(known["spec"].get("replicas") or 0) if known is not None else 0


def service_account(observed: Observed) -> Document:
    """Return the pods' identity; it has no rights and no token."""
    return child(
        observed,
        api_version="v1",
        kind="ServiceAccount",
        name=names.AGENT_NAME,
        body={"automountServiceAccountToken": False},
    )


def disruption_budget(observed: Observed) -> Document | None:
    """Return the PodDisruptionBudget; a single pod has none, so that nodes can be drained."""
    if observed.tenant.spec.runtime.min_replicas < 2 or observed.suspended:  # noqa: PLR2004
        return None
    return child(
        observed,
        api_version="policy/v1",
        kind="PodDisruptionBudget",
        name=names.AGENT_NAME,
        body={
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": dict(names.AGENT_LABELS)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            }
        },
    )


def deployment(observed: Observed, settings: OperatorSettings) -> Document:
    """Return the Deployment of the agents. A change of the work token rolls it out anew."""
    secrets = keyed_hash(settings.annotation_key, observed.work_token.current)
    return child(
        observed,
        api_version="apps/v1",
        kind="Deployment",
        name=names.AGENT_NAME,
        annotations={
            **work_token.annotations(observed.work_token),
            names.ANNOTATION_SECRETS_USED: ",".join(sorted(secrets_used(observed))),
        },
        body={
            "spec": {
                "replicas": replicas(observed),
                "revisionHistoryLimit": 3,
                "selector": {"matchLabels": dict(names.AGENT_LABELS)},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "template": {
                    "metadata": {
                        "labels": {**child_labels(observed.name), **names.AGENT_LABELS},
                        "annotations": {names.ANNOTATION_SECRETS_HASH: secrets},
                    },
                    "spec": _pod(observed, settings),
                },
            }
        },
    )


def secrets_used(observed: Observed) -> set[str]:
    """Return the names of the Secrets that the tenant's objects refer to."""
    references = secret_references(observed.tenant, observed.agents, observed.connections)
    return {one.secret for one in references}


def secrets_left(observed: Observed) -> set[str]:
    """Return the names of the Secrets that were referred to before and are no longer.

    Secrets are never listed, so the Deployment remembers the names.
    """
    known = observed.children.get(("Deployment", names.AGENT_NAME))
    if known is None:
        return set()
    before = known["metadata"].get("annotations", {}).get(names.ANNOTATION_SECRETS_USED, "")
    return {one for one in before.split(",") if one} - secrets_used(observed)


def _pod(observed: Observed, settings: OperatorSettings) -> dict[str, Any]:
    return {
        "serviceAccountName": names.AGENT_NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "agent",
                "image": settings.agent_image,
                "env": environment(observed, settings),
                "resources": _resources(observed),
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def environment(observed: Observed, settings: OperatorSettings) -> list[dict[str, Any]]:
    """Return exactly what an agent process needs to know."""
    return [
        {"name": "KONSTRUCT_GATEWAY_URL", "value": settings.gateway_url},
        {"name": "KONSTRUCT_LLM_URL", "value": settings.agent_llm_url},
        {"name": "KONSTRUCT_TENANT_ID", "value": str(observed.tenant_id)},
        {
            "name": "KONSTRUCT_POD_NAME",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
        },
        {
            "name": "KONSTRUCT_WORK_TOKEN",
            "valueFrom": {
                "secretKeyRef": {"name": names.WORK_TOKEN_SECRET, "key": names.WORK_TOKEN_KEY}
            },
        },
    ]


def _resources(observed: Observed) -> dict[str, Any]:
    declared = observed.tenant.spec.runtime.resources
    if declared is None:
        return {kind: dict(amounts) for kind, amounts in _DEFAULT_RESOURCES.items()}
    return declared.model_dump(mode="json", by_alias=True, exclude_none=True)
