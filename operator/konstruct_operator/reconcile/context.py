"""What every reconcile shares: the doors, the settings, and what is remembered between two runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster
from konstruct_operator.cluster.declarations import Declarations
from konstruct_operator.cluster.events import Events
from konstruct_operator.cluster.watched import Watched
from konstruct_operator.observed import SealKeys
from konstruct_operator.reconcile.board import DemandBoard
from konstruct_operator.reconcile.fleet import Fleet
from konstruct_operator.reconcile.hearing import Hearing
from konstruct_operator.reconcile.metrics import Metrics
from konstruct_operator.reconcile.queue import CoalescingQueue, Key
from konstruct_operator.reconcile.roster import Roster
from konstruct_operator.registry.client import Registry
from konstruct_operator.settings import OperatorSettings

NAMESPACE_KEY = "Namespace"
"""A key for objects in a namespace of which no tenant is known."""


def utc_now() -> datetime:
    """Return the present second, as conditions tell time."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Context:
    """Shared by all workers of one leader."""

    settings: OperatorSettings
    cluster: Cluster
    declared: Declarations
    watched: Watched
    registry: Registry
    queue: CoalescingQueue
    events: Events
    metrics: Metrics
    board: DemandBoard
    fleet: Fleet
    seal_keys: SealKeys
    random_bytes: Callable[[int], bytes]
    now: Callable[[], datetime] = utc_now
    hearing: Hearing = field(default_factory=Hearing)
    roster: Roster = field(default_factory=Roster)
    large_looks: int = 0
    """How many looks at tenants with many objects are under way."""
    spelt: dict[tuple[str, str, str], tuple[str, str, str]] = field(default_factory=dict)
    """The state of the few children that the server spells differently from what we applied."""

    def declared_changed(self, kind: str, namespace: str, name: str) -> None:
        """Ask for a fresh look at what an object of ours is about."""
        if kind == names.TENANT:
            self.fleet.touch()
            self.tenant_changed(name)
        elif kind == names.TEMPLATE:
            self.template_changed(name)
        else:
            self.namespace_changed(namespace)

    def tenant_changed(self, name: str) -> None:
        """Ask for a fresh look at a tenant."""
        self.queue.put(Key(names.TENANT, name))

    def namespace_changed(self, namespace: str) -> None:
        """Ask for a fresh look at whoever owns what is in a namespace."""
        owners = self.roster.of_namespace(namespace)
        for name in owners:
            self.tenant_changed(name)
        if not owners:
            self.queue.put(Key(NAMESPACE_KEY, namespace))

    def template_changed(self, name: str) -> None:
        """Ask for a fresh look at a template."""
        self.queue.put(Key(names.TEMPLATE, name))

    def forget(self, name: str) -> None:
        """Drop what is remembered of a tenant that is gone."""
        namespace = self.roster.forget(name)
        self.metrics.forget(name)
        self.fleet.touch()
        for address in [one for one in self.spelt if namespace in one[1:]]:
            del self.spelt[address]
