"""Does the vendor take a connection's credentials? Asked when they change, and ever again.

A vendor does not always tell that it revoked a token, and a connection nobody writes to sends
nothing that would be refused: so each is tried at least every `every_seconds`, by one replica.

New credentials are in use once the vendor has taken them; until then, and if it refuses them, those
that it took last go on working (`RegistryView.credentials`).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from konstruct_channels.inbound import Learnt
from konstruct_channels.outbound import Checked, Outbound
from konstruct_gateway.hooks.conditions import Conditions
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import ConnectionSnapshot, TenantSnapshot
from konstruct_store.registry import Verified

_AT_A_TIME = 8
_AGAIN_SECONDS = 60.0
_Key = tuple[UUID, str]
_Place = tuple[TenantSnapshot, ConnectionSnapshot]


@dataclass
class Prober:
    """Tries credentials by the channels' outbound halves, without sending anything."""

    view: RegistryView
    outbounds: Mapping[str, Outbound]
    conditions: Conditions
    keep: Callable[[Verified], Awaitable[None]]
    every_seconds: float = 0.0
    """0: credentials that were taken are not tried again until they change."""
    mine: Callable[[str], bool] = lambda key: True  # noqa: ARG005
    """Which connections (by id) this replica tries ever again."""
    changed: Callable[[UUID, str], None] = lambda tenant_id, connection: None  # noqa: ARG005
    """Told of a connection (tenant, name) of whose credentials something new is known."""
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    _said: dict[_Key, Learnt] = field(default_factory=dict)
    _doubted: set[_Key] = field(default_factory=set)
    _tried: dict[_Key, tuple[Any, ...]] = field(default_factory=dict)
    _verdicts: dict[_Key, tuple[tuple[Any, ...], bool]] = field(default_factory=dict)
    _again: dict[_Key, float] = field(default_factory=dict)
    _version: int = -1

    async def round(self) -> None:
        """Try what changed and what is to be tried again; say what was noted. Raises RetryLater."""
        await self.conditions.flush()
        now, version = self.clock(), self.view.version
        due = {key for key, at in self._again.items() if at <= now}
        if version == self._version and not due:
            return
        waiting = asyncio.Semaphore(_AT_A_TIME)
        places = self._places() if version != self._version else self._places_of(due)
        await asyncio.gather(
            *(
                self._try(
                    tenant, connection, waiting, anyway=(tenant.tenant_id, connection.name) in due
                )
                for tenant, connection in places
            )
        )
        self._version = version

    def _places(self) -> list[_Place]:
        """Return every connection whose channel can try credentials; forget what is gone."""
        found = {
            (tenant.tenant_id, connection.name): (tenant, connection)
            for tenant in self.view.tenants.values()
            for connection in tenant.connections
            if isinstance(self.outbounds.get(connection.type), Checked)
        }
        for known in (self._tried, self._verdicts, self._again, self._said):
            for key in [key for key in known if key not in found]:
                del known[key]
        return list(found.values())

    def _places_of(self, keys: Iterable[_Key]) -> list[_Place]:
        found: list[_Place] = []
        for tenant_id, name in keys:
            tenant = self.view.tenant_by_id(tenant_id)
            connection = tenant.connection(name) if tenant is not None else None
            if tenant is None or connection is None:
                self._again.pop((tenant_id, name), None)
            elif isinstance(self.outbounds.get(connection.type), Checked):
                found.append((tenant, connection))
        return found

    def proven(self, tenant: TenantSnapshot, connection: ConnectionSnapshot) -> bool | None:
        """Tell whether the vendor takes the credentials that the connection has now.

        None: it is not known yet.
        """
        known = self._verdicts.get((tenant.tenant_id, connection.name))
        try:
            credentials = dict(self.view.credentials(tenant, connection.name))
        except SealRefused:
            return False
        if not credentials:
            return False
        given = (dict(connection.config), credentials)
        return known[1] if known is not None and known[0] == given else None

    def doubt(self, tenant_id: UUID, connection: str) -> None:
        """Try a connection's credentials again: the vendor refused them just now."""
        self._doubted.add((tenant_id, connection))
        self._again[tenant_id, connection] = self.clock()

    def distrust(self, tenant_id: UUID, connection: str) -> None:
        """Take the vendor's word that the credentials are void; ask again after a while.

        It may say so a moment before it acts so, and the same credentials may be good once more.
        """
        key = (tenant_id, connection)
        if key in self._verdicts:
            self._verdicts[key] = (self._verdicts[key][0], False)
        self._doubted.add(key)
        self._again[key] = self.clock() + _AGAIN_SECONDS
        self.changed(tenant_id, connection)

    def _left_to_others(
        self, key: _Key, given: tuple[Any, ...], connection: ConnectionSnapshot
    ) -> bool:
        """Tell whether another replica asks again; what is new or in doubt each replica asks."""
        settled = self._said.get(key)
        only_again = (
            key not in self._doubted
            and self._tried.get(key) == given
            and settled is not None
            and settled.status != "Unknown"
        )
        if only_again and not self.mine(str(connection.connection_id)):
            self._again[key] = self.clock() + self._pause()
            return True
        self._doubted.discard(key)
        self._again.pop(key, None)
        return False

    async def _try(
        self,
        tenant: TenantSnapshot,
        connection: ConnectionSnapshot,
        waiting: asyncio.Semaphore,
        *,
        anyway: bool,
    ) -> None:
        key = (tenant.tenant_id, connection.name)
        try:
            credentials = dict(self.view.declared_credentials(tenant, connection.name))
        except SealRefused:
            await self.conditions.say(tenant, connection.name, _SEALED)
            return
        given = (dict(connection.config), credentials)
        outbound = self.outbounds[connection.type]
        if not credentials or not isinstance(outbound, Checked):
            return
        if self._tried.get(key) == given and not anyway:
            if self._verdicts.get(key) == (given, True):
                await self._take_over(tenant, connection)
            return
        if self._left_to_others(key, given, connection):
            return
        async with waiting:
            learnt = await outbound.check(config=connection.config, credentials=credentials)
            learnt = await self._weighed(tenant, connection, outbound, given, learnt)
        await self.conditions.say(tenant, connection.name, learnt)
        self._tried[key] = given
        if self._said.get(key) != learnt:
            self._said[key] = learnt
            self.changed(tenant.tenant_id, connection.name)
        if learnt.status == "Unknown":
            self._again[key] = self.clock() + _AGAIN_SECONDS
        elif self.every_seconds:
            self._again[key] = self.clock() + self._pause()

    async def _weighed(
        self,
        tenant: TenantSnapshot,
        connection: ConnectionSnapshot,
        outbound: Checked,
        given: tuple[Any, Any],
        learnt: Learnt,
    ) -> Learnt:
        """Return what the verdict on declared credentials means beside those in use."""
        if learnt.status == "True":
            await self._take_over(tenant, connection)
        in_use = dict(self.view.credentials(tenant, connection.name))
        if learnt.status != "False" or in_use == given[1]:
            await self._judge(tenant, connection, given, learnt)
            return learnt
        still = await outbound.check(config=connection.config, credentials=in_use)
        key = (tenant.tenant_id, connection.name)
        self._verdicts[key] = ((given[0], in_use), still.status != "False")
        return _refused(learnt, still, self.view.version_in_use(tenant, connection.name))

    def _pause(self) -> float:
        """Spread what began together: at least three quarters of the time, at most all of it."""
        return self.every_seconds * (0.75 + 0.25 * self.chance())

    async def _judge(
        self,
        tenant: TenantSnapshot,
        connection: ConnectionSnapshot,
        given: tuple[Any, ...],
        learnt: Learnt,
    ) -> None:
        """Remember what the vendor says of the credentials in use."""
        key = (tenant.tenant_id, connection.name)
        if learnt.status != "Unknown":
            self._verdicts[key] = (given, learnt.status == "True")
        elif key not in self._verdicts and await self.conditions.holds(
            tenant, connection.name, "Authenticated"
        ):
            # The vendor is away just now; another replica, or an earlier life, has asked it.
            self._verdicts[key] = (given, True)

    async def _take_over(self, tenant: TenantSnapshot, connection: ConnectionSnapshot) -> None:
        """Put what is declared into use here and, through the store, at every replica."""
        verified = self.view.unverified(tenant, connection.name)
        if verified is not None:
            await self.keep(verified)
            await self.view.refresh()


def _refused(new: Learnt, former: Learnt, version: str) -> Learnt:
    """Return what to say of refused new credentials beside former ones."""
    if former.status == "False":
        return replace(
            new, message=f"{new.message} Those in use before ({version}) are refused, too."
        )
    return replace(
        new,
        reason="NewCredentialsRefused",
        message=f"The vendor refuses the new credentials, so those of version {version} stay in"
        f" use. Put right ones into the Secret. About the new ones: {new.message}",
    )


_SEALED = Learnt(
    condition="Authenticated",
    status="False",
    reason="SecretNotOpened",
    message="The gateway cannot open the sealed credentials: its private key does not fit. Check"
    " KONSTRUCT_SEAL_PRIVATE_KEYS against the operator's KONSTRUCT_GATEWAY_SEAL_PUBLIC_KEY.",
)
