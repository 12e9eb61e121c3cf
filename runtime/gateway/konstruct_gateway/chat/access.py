"""Who may chat where: the place a public address names, and the origins that may use it."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import ValidationError

from konstruct_channels.inbound import Standing
from konstruct_channels.webchat.spec import SPEC, Visitors, WebChatConfig
from konstruct_gateway.errors import NotFound
from konstruct_gateway.hooks.admission import Admission, judge
from konstruct_gateway.registry.view import RegistryView
from konstruct_messages import identity
from konstruct_registry.snapshot import AgentSnapshot, ConnectionSnapshot, TenantSnapshot

VISITOR = "visitor:"
"""What the key of a person who did not log in begins with."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class Place:
    """One web chat: a connection of a tenant, or the reserved connection of the portal."""

    tenant: TenantSnapshot
    connection_id: UUID
    connection: str
    config: WebChatConfig
    agent: str
    gather_milliseconds: int = 0
    declared: ConnectionSnapshot | None = None

    @property
    def for_portal(self) -> bool:
        """Whether only people whom the portal vouches for come here."""
        return self.connection == identity.PORTAL_CONNECTION

    @property
    def takes_visitors(self) -> bool:
        """Whether people who did not log in may come."""
        return (
            not self.for_portal
            and self.config.visitors is Visitors.ALLOWED
            and self._lets_in("", Standing.STRANGER)
        )

    def admits(self, person_key: str) -> bool:
        """Tell whether the connection's `access` lets this person chat."""
        if person_key.startswith(VISITOR):
            return self.takes_visitors
        return self._lets_in(person_key, Standing.MEMBER)

    def _lets_in(self, person_key: str, standing: Standing) -> bool:
        if self.declared is None:
            return True
        return judge(self.declared, person_key, standing) is Admission.ADMITTED


async def reach_place(view: RegistryView, tenant_name: str, connection_name: str) -> Place:
    """Return what an address names, though this replica has not heard of it yet.

    Raises Unloaded, NotFound or RetryLater.
    """
    return await view.reach(partial(find_place, view, tenant_name, connection_name))


def find_place(view: RegistryView, tenant_name: str, connection_name: str) -> Place:
    """Return what `/chat/{tenant}/{connection}` names. Raises Unloaded or NotFound."""
    tenant = view.tenant(tenant_name)
    if connection_name == identity.PORTAL_CONNECTION:
        return Place(
            tenant=tenant,
            connection_id=identity.connection_id(
                identity.TenantId(tenant.tenant_id), identity.PORTAL_CONNECTION
            ),
            connection=connection_name,
            config=WebChatConfig(),
            agent="",
        )
    connection = tenant.connection(connection_name)
    if connection is None or connection.type != SPEC.channel_type:
        raise NotFound("There is no such web chat.")
    return Place(
        tenant=tenant,
        connection_id=connection.connection_id,
        connection=connection_name,
        config=_config(connection),
        agent=connection.agent,
        gather_milliseconds=connection.gather_milliseconds,
        declared=connection,
    )


def find_agent(tenant: TenantSnapshot, name: str) -> AgentSnapshot:
    """Return the agent called `name`. Raises NotFound."""
    agent = tenant.agent(name)
    if agent is None:
        raise NotFound("There is no such agent.")
    return agent


def find_agent_by_id(tenant: TenantSnapshot, agent_id: UUID) -> AgentSnapshot | None:
    """Return the agent with this id, or None."""
    return next((one for one in tenant.agents if one.agent_id == agent_id), None)


def origin_allowed(origin: str | None, place: Place, public_url: str, *, host: str = "") -> bool:
    """Tell whether a page of `origin` may use `place`.

    Programs that are no browsers send no Origin and are let through; the portal's own origin
    always is. On a loopback address, its other names are the same place. Where the public address
    says no more than "every address of this machine", the portal is whatever `host` was asked.
    """
    if origin is None:
        return True
    if origin in place.config.allowed_origins:
        return True
    ours, theirs = _origin(public_url), _origin(origin)
    if ours is None or theirs is None:
        return False
    asked = _origin(f"{ours[0]}://{host}") if ours[1] in _UNSPECIFIED else None
    if asked is not None:
        return asked == theirs
    same_host = ours[1] == theirs[1] or {ours[1], theirs[1]} <= _LOOPBACK
    return same_host and (ours[0], ours[2]) == (theirs[0], theirs[2])


def _origin(address: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address; None for what is none (such as `null`)."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        return None
    return parts.scheme, parts.hostname, port


def _config(connection: ConnectionSnapshot) -> WebChatConfig:
    """Return the connection's block; a block that this version cannot read lets nobody in."""
    try:
        return WebChatConfig.model_validate(connection.config)
    except ValidationError:
        return WebChatConfig()


def renewed(view: RegistryView, place: Place) -> Place | None:
    """Return the place as the registry has it now; None when it is gone."""
    current = view.tenant_by_id(place.tenant.tenant_id)
    if current is place.tenant:
        return place
    try:
        return find_place(view, place.tenant.name, place.connection)
    except NotFound:
        return None
