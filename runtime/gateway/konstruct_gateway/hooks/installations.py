"""Whose is a delivery to the platform's shared app: one connection's, and it must have proven it.

Anybody who may declare a connection can write another company's workspace into it. A claim counts
once the vendor has taken the connection's own token and named that workspace with it, so that a
claim alone gets nothing and takes nothing from anybody. Two that have proven the same get nothing,
and are told: a message must not be shown to the wrong one of two tenants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from konstruct_channels.inbound import Learnt, SharedInbound
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.background.prober import Prober
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.registry.view import RegistryView

CONTESTED = Learnt(
    condition="Receiving",
    status="False",
    reason="InstallationContested",
    message="Another connection has proven to be of the same installation of the shared app, and"
    " neither gets messages. Remove one of them, or make an app of your own (install: Own).",
)


@dataclass(frozen=True)
class Claimed:
    """Who claims an installation. `proven` are those with a token of it; `asked`: all are known."""

    claiming: tuple[Route, ...]
    proven: tuple[Route, ...]
    asked: bool


@dataclass
class Installations:
    """The claims of one channel's connections, by name, as the registry has them now."""

    view: RegistryView
    prober: Prober
    spec: ChannelSpec
    inbound: SharedInbound
    _version: int = -1
    _claims: dict[str, list[tuple[UUID, str]]] = field(default_factory=dict)

    def of(self, claims: Sequence[str]) -> Claimed:
        """Return who has the first of these installations that anybody claims. Raises Unloaded."""
        self.view.require_loaded()
        known = self._known()
        for claim in claims:
            found = self._routes(known.get(claim, ()))
            if not found:
                continue
            verdicts = [(one, self.prober.proven(one.tenant, one.connection)) for one in found]
            proven = tuple(one for one, verdict in verdicts if verdict)
            asked = all(verdict is not None for _, verdict in verdicts)
            if proven or not asked:
                return Claimed(found, proven, asked)
        return Claimed(self.claiming(claims), (), asked=True)

    def claiming(self, claims: Sequence[str]) -> tuple[Route, ...]:
        """Return every connection that claims any of them, proven or not. Raises Unloaded."""
        self.view.require_loaded()
        known = self._known()
        return tuple(route for claim in claims for route in self._routes(known.get(claim, ())))

    def _known(self) -> Mapping[str, Sequence[tuple[UUID, str]]]:
        version = self.view.version
        if self._version != version:
            self._claims = {}
            for tenant in self.view.tenants.values():
                for connection in tenant.connections:
                    if connection.type == self.spec.channel_type:
                        claim = self.inbound.claim(connection.config)
                        if claim:
                            place = (tenant.tenant_id, connection.name)
                            self._claims.setdefault(claim, []).append(place)
            self._version = version
        return self._claims

    def _routes(self, places: Sequence[tuple[UUID, str]]) -> tuple[Route, ...]:
        found = []
        for tenant_id, name in places:
            tenant = self.view.tenant_by_id(tenant_id)
            connection = tenant.connection(name) if tenant is not None else None
            if tenant is not None and connection is not None:
                found.append(Route(tenant, connection))
        return tuple(found)
