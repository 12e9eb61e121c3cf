"""What every reconcile shares: the doors, the settings, and what is remembered between two runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.tenant import Tenant
from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster
from konstruct_operator.cluster.events import Events
from konstruct_operator.cluster.watched import Watched
from konstruct_operator.observed import SealKeys
from konstruct_operator.reconcile.board import DemandBoard
from konstruct_operator.reconcile.hearing import Hearing
from konstruct_operator.reconcile.metrics import Metrics
from konstruct_operator.reconcile.queue import CoalescingQueue, Key
from konstruct_operator.registry.client import Registry
from konstruct_operator.settings import OperatorSettings

NAMESPACE_KEY = "Namespace"
"""A key for objects in a namespace of which no tenant is known."""


@dataclass(frozen=True)
class Declared:
    """One tenant's declarations as a sweep listed them, so that they need no second request."""

    tenant: Tenant
    agents: tuple[Agent, ...]
    connections: tuple[ChannelConnection, ...]


@dataclass(frozen=True)
class Known:
    """What is remembered of a tenant to find it again."""

    tenant_id: UUID
    namespace: str


def utc_now() -> datetime:
    """Return the present second, as conditions tell time."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Context:
    """Shared by all workers of one leader."""

    settings: OperatorSettings
    cluster: Cluster
    watched: Watched
    registry: Registry
    queue: CoalescingQueue
    events: Events
    metrics: Metrics
    board: DemandBoard
    seal_keys: SealKeys
    random_bytes: Callable[[int], bytes]
    now: Callable[[], datetime] = utc_now
    changes: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    hearing: Hearing = field(default_factory=Hearing)
    tenants: dict[str, Known] = field(default_factory=dict)
    listed: dict[str, Declared] = field(default_factory=dict)
    applied: dict[tuple[str, str, str], tuple[str, str, str]] = field(default_factory=dict)

    def tenant_changed(self, name: str) -> None:
        """Ask for a fresh look at a tenant."""
        self.listed.pop(name, None)
        self.changes += 1
        self.changed[name] = self.changes
        self.queue.put(Key(names.TENANT, name))

    def take_listed(self, declared: Declared, *, since: int) -> None:
        """Keep a sweep's list of a tenant, unless it changed `since` the list was begun."""
        name = declared.tenant.metadata.name
        if self.changed.get(name, 0) <= since:
            self.listed[name] = declared

    def namespace_changed(self, namespace: str) -> None:
        """Ask for a fresh look at whoever owns what is in a namespace."""
        owners = [name for name, known in self.tenants.items() if known.namespace == namespace]
        for name in owners:
            self.tenant_changed(name)
        if not owners:
            self.queue.put(Key(NAMESPACE_KEY, namespace))

    def template_changed(self, name: str) -> None:
        """Ask for a fresh look at a template."""
        self.queue.put(Key(names.TEMPLATE, name))

    def forget(self, name: str) -> None:
        """Drop what is remembered of a tenant that is gone."""
        known = self.tenants.pop(name, None)
        self.listed.pop(name, None)
        self.changed.pop(name, None)
        self.metrics.forget(name)
        if known is not None:
            for address in [one for one in self.applied if known.namespace in one[1:]]:
                del self.applied[address]
