"""A tenant with everything that can be declared, and what must follow from it.

What must follow is written down here a second time, by hand and from the stored documents alone: no
code of the operator has a part in it.
"""

import copy
import uuid
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from support import declared
from support.campaigns.cluster_api import Document, conditions_of
from support.crd_mutations import full_documents

_SECRETS = {
    "acme.keys": "models",
    "acme-orders": "tool",
    "acme-pages": "tool",
    "acme-slack": "channel",
    "acme-whatsapp": "channel",
}
_VOLATILE = {"resourceVersion", "uid", "generation", "managedFields", "creationTimestamp"}
_PASSING = {"observedGeneration", "lastTransitionTime", "credentialsVersion"}
_UNITS = {
    "m": Fraction(1, 1000),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
}
_Children = Mapping[tuple[str, str], Document]
_DEFAULT_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}


def place_of(name: str) -> str:
    """Return the namespace of a world."""
    return f"team-{name}"


def around(name: str) -> list[Document]:
    """Return what must be there before a world's own documents."""
    place = place_of(name)
    secrets = [
        declared.secret(place, secret, use=use, token=f"secret-{name}-{secret}-123456")
        for secret, use in _SECRETS.items()
    ]
    return [declared.namespace(name), *secrets]


def documents(name: str) -> dict[tuple[str, int], Document]:
    """Return the world's documents by (kind, number among the full documents)."""
    found = {
        (kind, number): copy.deepcopy(one)
        for kind, full in full_documents().items()
        for number, one in enumerate(full)
    }
    for (kind, _), one in found.items():
        if kind in {"Agent", "ChannelConnection"}:
            one["metadata"]["namespace"] = place_of(name)
        else:
            one["metadata"]["name"] = name
    tenant = found["Tenant", 0]["spec"]
    tenant |= {"namespace": place_of(name), "operatingMode": "Running"}
    tenant["id"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    for number, agent in enumerate(("ana", "bia")):
        found["Agent", number]["metadata"]["name"] = agent
    return found


def faults_of(
    tenant: Document,
    agents: Iterable[Document],
    connections: Iterable[Document],
    children: Iterable[Document],
    entry: Mapping[str, Any] | None,
) -> list[str]:
    """Return in what the children and the registry's entry do not follow from the documents."""
    agents, connections = list(agents), list(connections)
    by_kind = {(one["kind"], one["metadata"]["name"]): one for one in children}
    faults = _pods(tenant["spec"], by_kind)
    faults += _policies(agents, by_kind)
    if entry is None:
        return [*faults, "the registry has no entry"]
    snapshot = entry["snapshot"]
    faults += _lacks(tenant["spec"], snapshot, ("displayName", "language", "timeZone", "budget"))
    faults += _lacks(tenant["spec"], snapshot, ("operatingMode", "retention", "models"))
    faults += _lacks(tenant["spec"]["runtime"], snapshot, ("minReplicas", "idleAfterSeconds"))
    faults += _entries("Accepted", agents, snapshot["agents"], _AGENT)
    faults += _entries("AgentResolved", connections, snapshot["connections"], _CONNECTION)
    return faults


def state_of(objects: Iterable[Document]) -> dict[str, Any]:
    """Return objects without their versions, times and what only their controllers say."""
    return {
        f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": _bare(
            one
        )
        for one in objects
    }


def entry_of(entry: Mapping[str, Any] | None) -> Any:
    """Return a registry's entry without ciphertexts, tokens and versions."""
    if entry is None:
        return None
    snapshot = copy.deepcopy(entry["snapshot"])
    for secret in snapshot["secrets"]:
        for key in ("ciphertext", "secretUid", "secretResourceVersion"):
            del secret[key]
    for key in ("uid", "workTokenHashes", "tenantId"):
        snapshot.pop(key)
    for one in (*snapshot["agents"], *snapshot["connections"]):
        one.pop("agentId", None)
        one.pop("connectionId", None)
    return snapshot


_AGENT = (
    "displayName",
    "role",
    "persona",
    "instructions",
    "language",
    "models",
    "avatar",
    "operatingMode",
    "tools",
    "escalation",
    "memory",
    "budget",
)
_CONNECTION = ("type", "routes", "gatherMilliseconds", "access", "replyWhen")


def _pods(spec: Mapping[str, Any], children: _Children) -> list[str]:
    runtime = spec["runtime"]
    wanted = 0 if spec["operatingMode"] == "Suspended" else runtime["minReplicas"]
    deployment = children.get(("Deployment", "konstruct-agent"))
    if deployment is None:
        return ["there is no Deployment"]
    faults = []
    pod = deployment["spec"]["template"]["spec"]
    resources = runtime.get("resources", _DEFAULT_RESOURCES)
    container = pod["containers"][0]
    if deployment["spec"]["replicas"] != wanted:
        faults.append(f"replicas are {deployment['spec']['replicas']}, not {wanted}")
    if _amounts(container.get("resources", {})) != _amounts(resources):
        faults.append(f"resources are {container.get('resources')}, not {resources}")
    if (("PodDisruptionBudget", "konstruct-agent") in children) != (wanted > 1):
        faults.append(f"a PodDisruptionBudget with {wanted} pods wanted, or none")
    if pod.get("automountServiceAccountToken") is not False:
        faults.append("the pod gets a token of the API")
    missing = {
        ("Secret", "konstruct-work-token"),
        ("ServiceAccount", "konstruct-agent"),
        ("RoleBinding", "konstruct-operator"),
        ("NetworkPolicy", "konstruct-default-deny"),
        ("NetworkPolicy", "konstruct-agent-platform"),
    } - set(children)
    return faults + [f"there is no {kind} {name}" for kind, name in sorted(missing)]


def _policies(agents: Iterable[Document], children: _Children) -> list[str]:
    wanted = {
        _egress(one, agent["metadata"]["namespace"])
        for agent in agents
        for tool in agent["spec"].get("tools", [])
        for one in tool.get("egress", [])
    }
    policy = children.get(("NetworkPolicy", "konstruct-agent-tools"))
    rules = policy["spec"].get("egress", []) if policy else []
    seen = {
        (_target(rule["to"]), tuple(sorted(one["port"] for one in rule.get("ports", []))))
        for rule in rules
    }
    return [] if wanted == seen else [f"tools may reach {sorted(seen)}, not {sorted(wanted)}"]


def _egress(one: Mapping[str, Any], place: str) -> tuple[str, tuple[int, ...]]:
    ports = tuple(sorted(one.get("ports", [])))
    if "cidr" in one:
        return one["cidr"], ports
    if "service" in one:
        return one["service"].get("namespace", place), ports
    return "Internet", ports


def _target(places: list[Document]) -> str:
    if len(places) > 1:
        return "Internet"
    if "ipBlock" in places[0]:
        return str(places[0]["ipBlock"]["cidr"])
    labels = places[0]["namespaceSelector"]["matchLabels"]
    return str(labels["kubernetes.io/metadata.name"])


def _entries(
    about: str, objects: list[Document], seen: list[Any], fields: Iterable[str]
) -> list[str]:
    """Compare declared objects with the registry's; those refused must not be there."""
    by_name = {one["name"]: one for one in seen}
    faults = []
    for one in objects:
        name = one["metadata"]["name"]
        found = conditions_of(one)
        served = all(one["reason"] != "ChannelNotAvailable" for one in found.values())
        accepted = served and found.get(about, {}).get("status") == "True"
        if accepted != (name in by_name):
            faults.append(f"{name} is {'not ' if accepted else ''}in the registry")
        elif accepted:
            faults += [f"{name}: {fault}" for fault in _lacks(one["spec"], by_name[name], fields)]
    known = {one["metadata"]["name"] for one in objects}
    return faults + [f"{name} is in the registry" for name in sorted(set(by_name) - known)]


def _lacks(spec: Mapping[str, Any], seen: Mapping[str, Any], fields: Iterable[str]) -> list[str]:
    return [
        f"{field} is {str(seen.get(field))[:80]!r}, not {str(spec[field])[:80]!r}"
        for field in fields
        if field in spec and not _within(spec[field], seen.get(field))
    ]


def _within(wanted: Any, seen: Any) -> bool:
    """Tell whether everything wanted is seen; what else is seen are defaults."""
    if isinstance(wanted, Mapping):
        lower = {key.lower(): value for key, value in (seen or {}).items()}
        return all(
            _within(value, lower.get(key.lower()))
            for key, value in wanted.items()
            if key != "providerKeysSecretRef"
        )
    if isinstance(wanted, list):
        return len(wanted) == len(seen or []) and all(map(_within, wanted, seen))
    return bool(wanted == seen)


def _amounts(resources: Mapping[str, Any]) -> dict[str, Fraction]:
    return {
        f"{use}/{what}": _quantity(text)
        for use, amounts in resources.items()
        for what, text in amounts.items()
    }


def _quantity(text: str) -> Fraction:
    unit = next((one for one in _UNITS if text.endswith(one)), "")
    return Fraction(text.removesuffix(unit)) * _UNITS.get(unit, Fraction(1))


def _address(document: Document) -> str:
    metadata = document["metadata"]
    return f"{document['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"


def _bare(document: Document) -> Document:
    metadata = {key: value for key, value in document["metadata"].items() if key not in _VOLATILE}
    bare = {**document, "metadata": metadata}
    if document["kind"] in {"Tenant", "Agent", "ChannelConnection", "AgentTemplate"}:
        status = document.get("status", {})
        conditions = [
            {key: value for key, value in one.items() if key not in _PASSING}
            for one in status.get("conditions", [])
        ]
        kept = {key: value for key, value in status.items() if key not in _PASSING}
        bare["status"] = {**kept, "conditions": sorted(conditions, key=lambda one: one["type"])}
    else:
        bare.pop("status", None)
    if document["kind"] == "Deployment":
        annotations = metadata.get("annotations", {})
        metadata["annotations"] = {
            key: value for key, value in annotations.items() if not key.startswith("deployment.")
        }
    if document["kind"] == "Secret":
        bare.pop("data", None)
    return bare
