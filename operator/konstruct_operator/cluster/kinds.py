"""The kinds the operator talks about and their addresses."""

from typing import Final, NamedTuple
from urllib.parse import quote

from konstruct_operator import names


class Kind(NamedTuple):
    """A kind of the API and how its address is spelt."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, *, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the address of an object, or of the collection when `name` is empty."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [f"{root}/{self.api_version}"]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


TENANT: Final = Kind("konstruct.dev/v1alpha1", "Tenant", "tenants", namespaced=False)
AGENT: Final = Kind("konstruct.dev/v1alpha1", "Agent", "agents")
CONNECTION: Final = Kind("konstruct.dev/v1alpha1", "ChannelConnection", "channelconnections")
TEMPLATE: Final = Kind(
    "konstruct.dev/v1alpha1", "AgentTemplate", "agenttemplates", namespaced=False
)
NAMESPACE: Final = Kind("v1", "Namespace", "namespaces", namespaced=False)
SECRET: Final = Kind("v1", "Secret", "secrets")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
DISRUPTION_BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")

CHILDREN: Final = (
    SERVICE_ACCOUNT,
    NETWORK_POLICY,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    ROLE_BINDING,
)
"""Kinds of children inside a tenant's namespace that are watched. Secrets never are."""

WATCHED: Final = (NAMESPACE, *CHILDREN)

SELECTORS: Final = {NAMESPACE: names.LABEL_TENANT}
"""How watched objects are selected where it is not as our children: adopted namespaces count."""

BY_NAME: Final = {
    one.kind: one
    for one in (
        TENANT,
        AGENT,
        CONNECTION,
        TEMPLATE,
        NAMESPACE,
        SECRET,
        CONFIG_MAP,
        *CHILDREN,
    )
}
