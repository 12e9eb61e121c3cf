"""What the platform contributes to the pods of every tenant: image, addresses, fences.

Each Deployment remembers in an annotation the platform's part that its pods were made from. So a
tenant whose turn has not come keeps that part, whatever else of it changes (`plan.rollout`).
"""

import copy
import hashlib
import json
from datetime import datetime
from typing import Any, Final

from konstruct_operator import names
from konstruct_operator.observed import Document, Observed
from konstruct_operator.plan import tracing
from konstruct_operator.settings import OperatorSettings

TENANT_ID: Final = "KONSTRUCT_TENANT_ID"
_CONTAINER: Final = "agent"
_DEFAULT_RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}


def target(settings: OperatorSettings) -> str:
    """Return the platform's part of a pod template as every tenant shall have it, as JSON."""
    template = {"metadata": {"labels": dict(names.AGENT_LABELS)}, "spec": _pod(settings)}
    return json.dumps(template, sort_keys=True, separators=(",", ":"))


def version(part: str) -> str:
    """Return a short name of a platform's part; '' of none."""
    return hashlib.sha256(part.encode()).hexdigest()[:12] if part else ""


def remembered(deployment: Document | None) -> str:
    """Return the platform's part that a Deployment remembers; '' when it does not say."""
    if deployment is None:
        return ""
    text = str(deployment["metadata"].get("annotations", {}).get(names.ANNOTATION_PLATFORM, ""))
    return text if _parsed(text) is not None else ""


def part_for(observed: Observed, settings: OperatorSettings) -> tuple[str, Document]:
    """Return (what to remember, the template's part): the newest in its turn, else its own.

    A Deployment that remembers nothing, made by an earlier version, keeps the template it has.
    """
    deployed = observed.children.get(("Deployment", names.AGENT_NAME))
    newest = target(settings)
    if deployed is None or observed.turn:
        return newest, json.loads(newest)
    own = remembered(deployed)
    if own:
        return own, json.loads(own)
    template = copy.deepcopy(deployed["spec"]["template"])
    labels = template.get("metadata", {}).get("labels", {})
    return "", {"metadata": {"labels": labels}, "spec": template["spec"]}


def since(observed: Observed, part: str) -> str:
    """Return since when the Deployment has this part of the platform, in RFC 3339."""
    deployed = observed.children.get(("Deployment", names.AGENT_NAME))
    known = (deployed or {}).get("metadata", {}).get("annotations", {})
    if remembered(deployed) == part and known.get(names.ANNOTATION_PLATFORM_SINCE):
        return str(known[names.ANNOTATION_PLATFORM_SINCE])
    return observed.now.isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(text: str) -> datetime | None:
    """Return the time that an RFC 3339 text tells, None when it tells none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def for_tenant(observed: Observed, part: Document) -> Document:
    """Return the pod's spec: the platform's `part` with the tenant's id and resources in it."""
    spec: Document = copy.deepcopy(part["spec"])
    declared = observed.tenant.spec.runtime.resources
    for container in spec["containers"]:
        if container["name"] != _CONTAINER:
            continue
        if declared is not None:
            resources = declared.model_dump(mode="json", by_alias=True, exclude_none=True)
            container["resources"] = resources
        for variable in container["env"]:
            if variable["name"] == TENANT_ID:
                variable["value"] = str(observed.tenant_id)
    return spec


def _parsed(text: str) -> Document | None:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("spec"), dict):
        return None
    return found if isinstance(found["spec"].get("containers"), list) else None


def _pod(settings: OperatorSettings) -> dict[str, Any]:
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
                "name": _CONTAINER,
                "image": settings.agent_image,
                "env": _environment(settings),
                "resources": _DEFAULT_RESOURCES,
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


def _environment(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Return exactly what an agent process needs to know."""
    return [
        {"name": "KONSTRUCT_GATEWAY_URL", "value": settings.gateway_url},
        {"name": "KONSTRUCT_LLM_URL", "value": settings.agent_llm_url},
        {"name": "KONSTRUCT_LOG_LEVEL", "value": settings.log_level},
        *_traces(settings),
        {"name": TENANT_ID, "value": ""},
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


def _traces(settings: OperatorSettings) -> list[dict[str, Any]]:
    endpoint = tracing.endpoint(settings)
    if not endpoint:
        return []
    return [
        {"name": "KONSTRUCT_TRACES_ENDPOINT", "value": endpoint},
        {
            "name": "KONSTRUCT_TRACES_SAMPLE_PERCENT",
            "value": f"{settings.traces_sample_percent:g}",
        },
    ]
