"""The pods in which a tenant's agents think."""

from konstruct_operator import names
from konstruct_operator.observed import Document, Observed, secret_references
from konstruct_operator.plan import platform, work_token
from konstruct_operator.plan.metadata import child, child_labels, keyed_hash
from konstruct_operator.settings import OperatorSettings


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
    """Return the Deployment of the agents. A change of the work token rolls it out anew.

    A change of the platform's part does so on the tenant's turn.
    """
    remembered, part = platform.part_for(observed, settings)
    annotations = {
        **work_token.annotations(observed.work_token),
        names.ANNOTATION_SECRETS_USED: ",".join(sorted(secrets_used(observed))),
    }
    if remembered:
        annotations[names.ANNOTATION_PLATFORM] = remembered
        annotations[names.ANNOTATION_PLATFORM_SINCE] = platform.since(observed, remembered)
    return child(
        observed,
        api_version="apps/v1",
        kind="Deployment",
        name=names.AGENT_NAME,
        annotations=annotations,
        body={
            "spec": {
                "replicas": replicas(observed),
                **_settling(observed, settings, remembered),
                "revisionHistoryLimit": 3,
                "selector": {"matchLabels": dict(names.AGENT_LABELS)},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
                },
                "template": {
                    "metadata": {
                        "labels": {**child_labels(observed.name), **part["metadata"]["labels"]},
                        "annotations": {
                            names.ANNOTATION_SECRETS_HASH: _secrets_hash(observed, settings)
                        },
                    },
                    "spec": platform.for_tenant(observed, part),
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


def _settling(observed: Observed, settings: OperatorSettings, part: str) -> dict[str, int]:
    """Return how long a new pod must stay up to count as available, from a first roll-out on.

    A pod that starts and ends again and again would otherwise count while it is up. The first pod
    of a tenant counts at once, and so does one that was asleep.
    """
    deployed = observed.children.get(("Deployment", names.AGENT_NAME))
    if deployed is None or observed.tenant.spec.runtime.min_replicas == 0:
        return {}
    known = int(deployed["spec"].get("minReadySeconds") or 0)
    moves = bool(part) and platform.remembered(deployed) != part
    seconds = settings.rollout_settle_seconds if moves else known
    return {"minReadySeconds": seconds} if seconds else {}


def _secrets_hash(observed: Observed, settings: OperatorSettings) -> str:
    """Return the keyed hash of the work token. A new key alone, of the same token, is no change."""
    deployed = observed.children.get(("Deployment", names.AGENT_NAME))
    if deployed is not None:
        annotations = deployed["metadata"].get("annotations", {})
        template = deployed["spec"].get("template", {}).get("metadata", {}).get("annotations", {})
        known = template.get(names.ANNOTATION_SECRETS_HASH, "")
        if known and annotations.get(names.ANNOTATION_TOKEN_HASH) == observed.work_token.current:
            return str(known)
    return keyed_hash(settings.annotation_key, observed.work_token.current)
