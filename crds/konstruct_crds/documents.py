"""The CustomResourceDefinitions, as documents and as the files of `crds/`."""

from dataclasses import dataclass
from typing import Any

import yaml

from konstruct_crds.metadata import GROUP, VERSION
from konstruct_crds.schema import KINDS, rendered, schema_of

HEADER = (
    "# Generated from crds/konstruct_crds by `make generate`; edit the models, not this file.\n"
)


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`. Priority 1 is shown with `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0

    def document(self) -> dict[str, Any]:
        """Return the column as the CRD carries it."""
        document: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "jsonPath": self.path,
        }
        if self.priority:
            document["priority"] = self.priority
        return document


@dataclass(frozen=True)
class Naming:
    """How a kind is spelled, where it lives and what `kubectl get` shows of it."""

    plural: str
    short_name: str
    scope: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()


def naming_of(kind: str) -> Naming:
    """Return a kind's naming."""
    return _NAMINGS[kind]


def crd_documents() -> dict[str, dict[str, Any]]:
    """Return the four CRDs by file name."""
    return {f"{GROUP}_{_NAMINGS[kind].plural}.yaml": _crd(kind) for kind in KINDS}


def crd_files() -> dict[str, str]:
    """Return the text of the files of `crds/` by name."""
    return {name: HEADER + _dump(document) for name, document in crd_documents().items()}


def _crd(kind: str) -> dict[str, Any]:
    naming = _NAMINGS[kind]
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": rendered(schema_of(kind))},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.document() for column in naming.columns],
    }
    if naming.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in naming.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{naming.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": naming.scope,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": naming.plural,
                "singular": kind.lower(),
                "shortNames": [naming.short_name],
                "categories": ["konstruct"],
            },
            "conversion": {"strategy": "None"},
            "versions": [version],
        },
    }


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


_FIRST = (
    Column("Ready", _ready("status"), "Whether the declared state is in effect."),
    Column("Reason", _ready("reason"), "Why it is or is not."),
)
_LAST = (
    Column("Age", ".metadata.creationTimestamp", "How long ago it was created.", type="date"),
    Column("Message", _ready("message"), "What to do, where something is to be done.", priority=1),
)
_NAMINGS = {
    "Tenant": Naming(
        plural="tenants",
        short_name="kt",
        scope="Cluster",
        columns=(
            *_FIRST,
            Column(
                "Tenant-Namespace", ".status.namespace", "Where its agents and connections live."
            ),
            Column("Agents", ".status.agents", "How many agents it has.", type="integer"),
            Column(
                "Connections",
                ".status.channelConnections",
                "How many connections it has.",
                type="integer",
            ),
            Column("Mode", ".spec.operatingMode", "Running or Suspended.", priority=1),
            *_LAST,
        ),
    ),
    "Agent": Naming(
        plural="agents",
        short_name="ka",
        scope="Namespaced",
        columns=(
            *_FIRST,
            Column("Display-Name", ".spec.displayName", "The agent's name as people see it."),
            Column("Mode", ".spec.operatingMode", "Running or Suspended.", priority=1),
            *_LAST,
        ),
    ),
    "ChannelConnection": Naming(
        plural="channelconnections",
        short_name="kcc",
        scope="Namespaced",
        columns=(
            *_FIRST,
            Column("Type", ".spec.type", "The channel."),
            Column("Agent", ".spec.agentRef.name", "The agent that answers."),
            Column("URL", ".status.webhookURL", "The address to enter at the vendor.", priority=1),
            *_LAST,
        ),
        selectable=(".spec.type", ".spec.agentRef.name"),
    ),
    "AgentTemplate": Naming(
        plural="agenttemplates",
        short_name="kat",
        scope="Cluster",
        columns=(
            *_FIRST,
            Column("Display-Name", ".spec.displayName", "The template's name as people see it."),
            Column("Language", ".spec.language", "The language of its texts.", priority=1),
            *_LAST,
        ),
    ),
}


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, and indents lists below their key."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write everything out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        """Indent lists, too."""
        super().increase_indent(flow, False)


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
