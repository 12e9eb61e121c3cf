"""The observed world of one tenant: one struct, read once, and the values it is made of. Pure.

Whoever decides (`checks`) and whoever builds (`plan`) sees nothing but this. The cluster's operator
fills it from the API server; the embedded mode fills it from a folder of YAML.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from nacl.public import PublicKey

from konstruct_crds.agent import Agent
from konstruct_crds.channel_types import channel_types
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.template import AgentTemplate
from konstruct_crds.tenant import Tenant
from konstruct_operator import names
from konstruct_registry.seals import Purpose
from konstruct_registry.wire import RefusalReason, Report

Document = dict[str, Any]
SecretKey = tuple[str, str]
"""A Secret's namespace and name."""


@dataclass(frozen=True)
class SecretView:
    """A Secret as it was read. `data` is decoded text by key."""

    name: str
    uid: str
    resource_version: str
    labels: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class SecretReference:
    """That an object wants a Secret of the tenant's namespace for one use."""

    kind: str
    owner: str
    secret: str
    use: Purpose
    tool: str = ""

    @property
    def object_name(self) -> str:
        """Return what the seal names: 'Agent/ana', or 'Agent/ana/search' for a tool's."""
        return "/".join(part for part in (self.kind, self.owner, self.tool) if part)


@dataclass(frozen=True)
class NamespaceView:
    """A namespace as it was read; `tenant` is its label, '' without."""

    name: str
    uid: str = ""
    tenant: str = ""
    created_by_us: bool = False
    terminating: bool = False


@dataclass(frozen=True)
class PodsView:
    """How far the agent Deployment is."""

    wanted: int
    available: int
    rolled_out: bool = True
    message: str = ""


class RegistrationState(StrEnum):
    """Whether the gateway has this tenant."""

    REGISTERED = "Registered"
    REFUSED = "Refused"
    UNREACHABLE = "Unreachable"
    PENDING = "Pending"


@dataclass(frozen=True)
class Registration:
    """What became of publishing the tenant. `refusal` is set when it was refused."""

    state: RegistrationState = RegistrationState.PENDING
    digest: str = ""
    refusal: RefusalReason | None = None
    message: str = ""


@dataclass(frozen=True)
class Demand:
    """Whether somebody wants the tenant's pods awake; unknown on an old or missing list."""

    known: bool = False
    awake: bool = False


@dataclass(frozen=True)
class SealKeys:
    """Public keys of the two programs that may open a tenant's secrets."""

    gateway: PublicKey
    llm: PublicKey

    def of(self, use: Purpose) -> PublicKey:
        """Return the key of the one consumer of secrets for `use`."""
        return self.llm if use == "models" else self.gateway


@dataclass(frozen=True)
class WorkToken:
    """The hashes (SHA-256, hexadecimal) of the work tokens that the gateway shall accept.

    `current` is the Secret's. `rolled` are those that pods of the Deployment may still hold.
    """

    current: str = ""
    resource_version: str = ""
    rolled: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """Return every hash to accept, the current one first."""
        wanted = (self.current, *self.rolled)
        return tuple(dict.fromkeys(one for one in wanted if one))


@dataclass(frozen=True)
class Observed:
    """Everything known about one tenant at `now` (timezone-aware).

    `turn`: whether its pods may take the newest part of the platform (`plan.rollout`).
    """

    tenant: Tenant
    now: datetime
    agents: tuple[Agent, ...] = ()
    connections: tuple[ChannelConnection, ...] = ()
    templates: tuple[AgentTemplate, ...] = ()
    namespace: NamespaceView | None = None
    secrets: Mapping[SecretKey, SecretView] = field(default_factory=dict)
    work_token: WorkToken = WorkToken()
    children: Mapping[tuple[str, str], Document] = field(default_factory=dict)
    pods: PodsView | None = None
    registration: Registration = Registration()
    demand: Demand = Demand()
    turn: bool = True
    reports: tuple[Report, ...] = ()
    seal_keys: SealKeys | None = None
    served_channels: frozenset[str] = field(
        default_factory=lambda: frozenset(one.name for one in channel_types() if one.served)
    )
    watched_namespaces: tuple[str, ...] = ()
    missing_seconds: float = 120.0
    public_url: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """Return the Tenant's name."""
        return self.tenant.metadata.name

    @cached_property
    def agent_names(self) -> frozenset[str]:
        """Return the names of the tenant's agents; every connection asks for them."""
        return frozenset(agent.metadata.name for agent in self.agents)

    @property
    def tenant_id(self) -> UUID:
        """Return the tenant's id: the pinned one, else the object's UID."""
        return UUID(str(self.tenant.spec.id or self.tenant.metadata.uid))

    @property
    def namespace_name(self) -> str:
        """Return the name of the tenant's namespace, whether it exists or not."""
        return names.namespace_of(self.name, self.tenant.spec.namespace or "")

    @property
    def owns_namespace(self) -> bool:
        """Return whether the namespace is there, labelled for this tenant, and stays."""
        return (
            self.namespace is not None
            and self.namespace.tenant == self.name
            and not self.namespace.terminating
        )

    @property
    def suspended(self) -> bool:
        """Return whether the tenant is declared not to work."""
        return str(self.tenant.spec.operating_mode) == "Suspended"

    def secret(self, name: str) -> SecretView | None:
        """Return the Secret called `name` of the tenant's namespace, or None."""
        return self.secrets.get((self.namespace_name, name))


def secret_references(
    tenant: Tenant, agents: tuple[Agent, ...], connections: tuple[ChannelConnection, ...]
) -> tuple[SecretReference, ...]:
    """Return every Secret that a tenant's objects name, in a fixed order."""
    return (
        *references_of_tenant(tenant),
        *(reference for agent in agents for reference in references_of_agent(agent)),
        *(reference for one in connections for reference in references_of_connection(one)),
    )


def references_of_tenant(tenant: Tenant) -> tuple[SecretReference, ...]:
    """Return the Secret with the tenant's own provider keys, if it has any."""
    models = tenant.spec.models
    if models is None or models.provider_keys_secret_ref is None:
        return ()
    name = models.provider_keys_secret_ref.name
    return (SecretReference(names.TENANT, tenant.metadata.name, name, "models"),)


def references_of_agent(agent: Agent) -> tuple[SecretReference, ...]:
    """Return the Secrets of an agent's tools."""
    return tuple(_tool_references(agent))


def references_of_connection(connection: ChannelConnection) -> tuple[SecretReference, ...]:
    """Return the Secret with the channel's credentials, if it has any."""
    reference = connection.spec.credentials_secret_ref
    if reference is None:
        return ()
    return (
        SecretReference(names.CONNECTION, connection.metadata.name, reference.name, use="channel"),
    )


def _tool_references(agent: Agent) -> Iterator[SecretReference]:
    for tool in agent.spec.tools:
        for block in (tool.http, tool.mcp):
            if block is not None and block.secret_ref is not None:
                yield SecretReference(
                    names.AGENT, agent.metadata.name, block.secret_ref.name, "tool", tool.name
                )


Kind = Literal["Tenant", "Agent", "ChannelConnection", "AgentTemplate"]
Refusals = frozenset[tuple[str, str]]
"""(kind, name) of the objects that checks keep out of the registry."""
