"""What this replica knows of the tenants: in memory, refreshed by the store's version."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

import structlog
from nacl.public import PrivateKey

from konstruct_gateway.errors import NotFound, Unauthorised, Unloaded
from konstruct_registry.errors import SealRefused
from konstruct_registry.seals import open_sealed
from konstruct_registry.snapshot import AgentSnapshot, OperatingMode, TenantSnapshot
from konstruct_store import registry as stored
from konstruct_store.store import Store


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
        self._credentials: dict[tuple[UUID, str], tuple[str, dict[str, str]]] = {}

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

    async def _start_over(self) -> None:
        """Read everything: the database was restored and is older than what is known here."""
        structlog.get_logger(__name__).warning("registry went back", known=self._version)
        version, snapshots, _ = await stored.load_snapshots(self._store, newer_than=0)
        self._by_id = {snapshot.tenant_id: snapshot for snapshot in snapshots}
        self._version = version
        self._index()

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
        """Return a connection's opened credentials, empty where it has none.

        Raises SealRefused when its box cannot be opened or belongs elsewhere.
        """
        wanted = f"ChannelConnection/{connection}"
        secret = next(
            (one for one in tenant.secrets if one.purpose == "channel" and one.object == wanted),
            None,
        )
        if secret is None:
            return MappingProxyType({})
        known = self._credentials.get((tenant.tenant_id, connection))
        if known is None or known[0] != secret.ciphertext:
            if not self._private_keys:
                raise SealRefused("This gateway has no private key of the seals.")
            opened = open_sealed(secret, keys=self._private_keys, tenant_id=tenant.tenant_id)
            known = (secret.ciphertext, opened)
            self._credentials[tenant.tenant_id, connection] = known
        return MappingProxyType(known[1])

    def _index(self) -> None:
        self._by_name = {one.name: one for one in self._by_id.values()}
        self._by_token = {
            token_hash.lower(): one.tenant_id
            for one in self._by_id.values()
            for token_hash in one.work_token_hashes
        }
        self._credentials = {
            key: value for key, value in self._credentials.items() if key[0] in self._by_id
        }


def running(tenant: TenantSnapshot) -> bool:
    """Tell whether the tenant's messages are answered now."""
    return tenant.operating_mode is OperatingMode.RUNNING


def answering(tenant: TenantSnapshot, agent: AgentSnapshot) -> bool:
    """Tell whether this agent's messages are answered now."""
    return running(tenant) and agent.operating_mode is OperatingMode.RUNNING
