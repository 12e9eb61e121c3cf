"""The port to the declared resources: what the portal reads and writes, wherever they are kept.

Two adapters: `konstruct_portal.cluster.ClusterResources` (a Kubernetes API) and
`konstruct_local.folder.FolderResources` (a folder of YAML). Both are held to one behavioural suite.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from konstruct_portal.errors import (
    Problem,
    ResourceConflict,
    ResourceError,
    ResourceInvalid,
    ResourceNotFound,
    ResourceReadOnly,
    ResourcesUnavailable,
)

__all__ = [
    "GROUP",
    "KINDS",
    "VERSION",
    "Kind",
    "Problem",
    "Resource",
    "ResourceConflict",
    "ResourceError",
    "ResourceInvalid",
    "ResourceNotFound",
    "ResourceReadOnly",
    "Resources",
    "ResourcesUnavailable",
    "secret_document",
]

GROUP = "konstruct.dev"
VERSION = "v1alpha1"

Kind = Literal["Tenant", "Agent", "ChannelConnection", "AgentTemplate"]

KINDS: dict[str, tuple[str, bool]] = {
    "Tenant": ("tenants", False),
    "AgentTemplate": ("agenttemplates", False),
    "Agent": ("agents", True),
    "ChannelConnection": ("channelconnections", True),
}
"""Of each kind: the plural of its API path, and whether it lies in a namespace."""


def secret_document(
    prefix: str, data: Mapping[str, str], *, use: str, name: str = ""
) -> dict[str, Any]:
    """Return the Secret that `create_secret` keeps; without a name the API server makes one."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            **({"name": name} if name else {"generateName": prefix}),
            "labels": {f"{GROUP}/use": use, f"{GROUP}/written-by": "portal"},
        },
        "immutable": True,
        "type": "Opaque",
        "stringData": dict(data),
    }


@dataclass(frozen=True)
class Resource:
    """One declared resource as it was read.

    `spec` and `status` are in camelCase, as the YAML has them; `status` is empty where nobody has
    reported yet. `namespace` is empty for cluster-scoped kinds. `resource_version` is whatever the
    adapter needs to notice that somebody wrote in between. `managed_by` names who declares it when
    that is not the portal (a GitOps controller's field manager), `source` where (`file:line`).
    """

    kind: str
    name: str
    namespace: str
    spec: dict[str, Any]
    status: dict[str, Any] = field(default_factory=dict)
    resource_version: str = ""
    managed_by: str = ""
    source: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


class Resources(Protocol):
    """Reading and writing of declared resources.

    Every operation raises ResourcesUnavailable when the far end cannot be reached, and names what
    it was asked for in ResourceNotFound when it is not there.
    """

    @property
    def editable(self) -> bool:
        """Whether writing is possible at all; where it is not, writes raise ResourceReadOnly."""
        ...

    async def list(self, kind: str, *, namespace: str | None = None) -> list[Resource]:
        """Return all resources of a kind, by name; of one namespace where one is given."""
        ...

    async def get(self, kind: str, name: str, *, namespace: str | None = None) -> Resource:
        """Return one resource. Raises ResourceNotFound."""
        ...

    async def replace_spec(
        self, resource: Resource, spec: dict[str, Any], *, dry_run: bool = False
    ) -> Resource:
        """Write a whole new spec onto what was read as `resource`; return what is stored.

        Never forces: raises ResourceConflict (with the owner) when another manager owns a field
        that would change or the resource changed since it was read, ResourceInvalid (with every
        problem) when the spec breaks a rule, ResourceNotFound when it is gone. `dry_run` raises
        the same and writes nothing.
        """
        ...

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """Declare a new resource. Raises ResourceConflict when the name is taken.

        `dry_run` raises the same and writes nothing.
        """
        ...

    async def create_secret(
        self, namespace: str, prefix: str, data: Mapping[str, str], *, use: str
    ) -> str:
        """Keep an immutable Secret under a new name that begins with `prefix`; return the name.

        It carries the labels `konstruct.dev/use: <use>` and `konstruct.dev/written-by: portal`.
        The portal can neither read it again nor change or delete it: what nobody refers to any
        longer is tidied up by whoever runs the resources.
        """
        ...

    async def delete(self, resource: Resource) -> None:
        """Remove a declared resource. Raises ResourceNotFound when it is gone already."""
        ...
