"""What this replica knows of the tenants: in memory, refreshed by the store's version."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

import structlog
from nacl.public import PrivateKey

from konstruct_gateway.errors import NotFound, Unauthorised, Unloaded
from konstruct_gateway.registry.looking import SharedLook
from konstruct_registry.errors import SealRefused
from konstruct_registry.seals import open_sealed
from konstruct_registry.snapshot import (
    AgentSnapshot,
    OperatingMode,
    SealedSecret,
    TenantSnapshot,
)
from konstruct_store import registry as stored
from konstruct_store.registry import Verified
from konstruct_store.store import Store

Found = TypeVar("Found")


class RegistryView:
    """The tenants by id, by name and by work token.

    Until the first refresh, and as long as the operator has never pushed anything, every question
    raises Unloaded: a caller must not take "not known yet" for "does not exist".
    """

    def __init__(self, store: Store, *, private_keys: Sequence[PrivateKey] = ()) -> None:
        self._store = store
        self._private_keys = tuple(private_keys)
        self._version = -1
        self._by_id: dict[UUID, TenantSnapshot] = {}
        self._by_name: Mapping[str, TenantSnapshot] = MappingProxyType({})
        self._by_token: Mapping[str, UUID] = MappingProxyType({})
        self._refreshing = asyncio.Lock()
        self._again = SharedLook(self.refresh)
        self._opened: dict[tuple[UUID, str], dict[str, str]] = {}
        self._verified: dict[tuple[UUID, UUID], Verified] = {}
        self._in_use: dict[tuple[UUID, str], tuple[TenantSnapshot, SealedSecret | None]] = {}

    @property
    def version(self) -> int:
        """The version that was read last; below 0 before the first refresh."""
        return self._version

    @property
    def read(self) -> bool:
        """Whether the registry has been read from the store at all."""
        return self._version >= 0

    @property
    def tenants(self) -> Mapping[UUID, TenantSnapshot]:
        """All tenants by id."""
        return MappingProxyType(self._by_id)

    async def refresh(self) -> bool:
        """Read what is newer than what is known; say whether anything was. Raises RetryLater."""
        async with self._refreshing:
            version, snapshots, removed = await stored.load_snapshots(
                self._store, newer_than=max(self._version, 0)
            )
            changed = bool(snapshots or removed)
            # After the snapshots: a box that was verified meanwhile is newer than what it replaces.
            await self._read_verified([one.tenant_id for one in snapshots])
            for snapshot in snapshots:
                self._by_id[snapshot.tenant_id] = snapshot
            for tenant_id in removed:
                self._by_id.pop(tenant_id, None)
            if version < self._version:
                await self._start_over()
            else:
                self._version = version
            if changed:
                self._index()
            return changed

    async def reach(self, find: Callable[[], Found]) -> Found:
        """Return what `find` finds here; if that is nothing, in the registry as it is stored now.

        Another replica may have taken a tenant that is Ready by now and still unknown here. Raises
        what `find` raises the second time, or RetryLater.
        """
        try:
            return find()
        except NotFound:
            await self._again.look()
            return find()

    async def _start_over(self) -> None:
        """Read everything: the database was restored and is older than what is known here."""
        structlog.get_logger(__name__).warning("registry went back", known=self._version)
        version, snapshots, _ = await stored.load_snapshots(self._store, newer_than=0)
        self._verified.clear()
        await self._read_verified([one.tenant_id for one in snapshots])
        self._by_id = {snapshot.tenant_id: snapshot for snapshot in snapshots}
        self._version = version
        self._index()

    async def _read_verified(self, tenants: Sequence[UUID]) -> None:
        found = await stored.verified_credentials(self._store, tenants)
        anew = set(tenants)
        self._verified = {key: one for key, one in self._verified.items() if key[0] not in anew}
        self._verified |= {(one.tenant_id, one.connection_id): one for one in found}
        self._in_use.clear()

    def tenant(self, name: str) -> TenantSnapshot:
        """Return the tenant called `name`. Raises Unloaded or NotFound."""
        self.require_loaded()
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound("There is no such tenant.") from None

    def tenant_by_id(self, tenant_id: UUID) -> TenantSnapshot | None:
        """Return the tenant with this id, or None."""
        return self._by_id.get(tenant_id)

    def tenant_of_token(self, work_token: str) -> TenantSnapshot:
        """Return whose work token this is. Raises Unloaded or Unauthorised."""
        tenant_id = self._by_token.get(hashlib.sha256(work_token.encode()).hexdigest())
        tenant = self._by_id.get(tenant_id) if tenant_id is not None and work_token else None
        if tenant is None:
            self.require_loaded()
            raise Unauthorised("The work token is missing or belongs to nobody.")
        return tenant

    def require_loaded(self) -> None:
        """Raise Unloaded while the registry is not known."""
        if self._version < 0 or (self._version == 0 and not self._by_id):
            raise Unloaded("The registry has not been loaded yet.")

    def credentials(self, tenant: TenantSnapshot, connection: str) -> Mapping[str, str]:
        """Return the opened credentials that are in use for a connection; empty where it has none.

        Those declared, unless its vendor has not taken them yet and took others before. Raises
        SealRefused when the box cannot be opened or belongs elsewhere.
        """
        return self._open(tenant, self.sealed_in_use(tenant, connection))

    def declared_credentials(self, tenant: TenantSnapshot, connection: str) -> Mapping[str, str]:
        """Return the opened credentials as they are declared now. Raises SealRefused."""
        return self._open(tenant, _declared(tenant, connection))

    def sealed_in_use(self, tenant: TenantSnapshot, connection: str) -> SealedSecret | None:
        """Return the box whose content is in use for a connection, None where it has none."""
        key = (tenant.tenant_id, connection)
        known = self._in_use.get(key)
        if known is None or known[0] is not tenant:
            known = self._in_use[key] = (tenant, self._choose_sealed(tenant, connection))
        return known[1]

    def _choose_sealed(self, tenant: TenantSnapshot, connection: str) -> SealedSecret | None:
        declared = _declared(tenant, connection)
        former = self._former(tenant, connection)
        if declared is None or former is None or former.sealed.version == declared.version:
            return declared
        try:
            self._open(tenant, former.sealed)
        except SealRefused:
            return declared
        return former.sealed

    def version_in_use(self, tenant: TenantSnapshot, connection: str) -> str:
        """Return the UID and resourceVersion of the Secret in use, '' without one."""
        secret = self.sealed_in_use(tenant, connection)
        return "" if secret is None else secret.version

    def sealed_to(self) -> Counter[str]:
        """Count the boxes that are declared or in use by the id of the key they are sealed to."""
        boxes = [box for tenant in self._by_id.values() for box in tenant.secrets]
        kept = [one.sealed for one in self._verified.values()]
        return Counter(one.recipient_key_id for one in (*boxes, *kept))

    def unverified(self, tenant: TenantSnapshot, connection: str) -> Verified | None:
        """Return what to remember once the vendor takes what is declared; None: it is known.

        A box sealed anew, to another key of ours, is to be remembered in place of the old one.
        """
        declared, found = _declared(tenant, connection), tenant.connection(connection)
        if declared is None or found is None:
            return None
        former = self._former(tenant, connection)
        if former is not None and (former.sealed.version, former.sealed.recipient_key_id) == (
            declared.version,
            declared.recipient_key_id,
        ):
            return None
        return Verified(tenant.tenant_id, found.connection_id, found.config, declared)

    def _former(self, tenant: TenantSnapshot, connection: str) -> Verified | None:
        """Return what the vendor took last, asked about the config that is declared now."""
        found = tenant.connection(connection)
        if found is None:
            return None
        known = self._verified.get((tenant.tenant_id, found.connection_id))
        return known if known is not None and known.config == found.config else None

    def _open(self, tenant: TenantSnapshot, secret: SealedSecret | None) -> Mapping[str, str]:
        if secret is None:
            return MappingProxyType({})
        key = (tenant.tenant_id, secret.ciphertext)
        opened = self._opened.get(key)
        if opened is None:
            if not self._private_keys:
                raise SealRefused("This gateway has no private key of the seals.")
            opened = open_sealed(secret, keys=self._private_keys, tenant_id=tenant.tenant_id)
            self._opened[key] = opened
        return MappingProxyType(opened)

    def _index(self) -> None:
        self._by_name = {one.name: one for one in self._by_id.values()}
        self._by_token = {
            token_hash.lower(): one.tenant_id
            for one in self._by_id.values()
            for token_hash in one.work_token_hashes
        }
        held = {
            (one.tenant_id, box.ciphertext) for one in self._by_id.values() for box in one.secrets
        }
        held |= {(key[0], one.sealed.ciphertext) for key, one in self._verified.items()}
        self._opened = {key: value for key, value in self._opened.items() if key in held}
        self._in_use.clear()


def _declared(tenant: TenantSnapshot, connection: str) -> SealedSecret | None:
    wanted = f"ChannelConnection/{connection}"
    return next(
        (one for one in tenant.secrets if one.purpose == "channel" and one.object == wanted), None
    )


def running(tenant: TenantSnapshot) -> bool:
    """Tell whether the tenant's messages are answered now."""
    return tenant.operating_mode is OperatingMode.RUNNING


def answering(tenant: TenantSnapshot, agent: AgentSnapshot) -> bool:
    """Tell whether this agent's messages are answered now."""
    return running(tenant) and agent.operating_mode is OperatingMode.RUNNING
