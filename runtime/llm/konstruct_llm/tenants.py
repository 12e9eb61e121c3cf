"""Who is calling: work tokens and provider keys, from the registry's snapshots."""

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from nacl.public import PrivateKey

from konstruct_llm.errors import TryLater, Unauthorised
from konstruct_registry import seals
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import AgentSnapshot, TenantSnapshot
from konstruct_store import Store, registry
from konstruct_store.errors import StoreError

_log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class ProviderKeys:
    """A tenant's own provider keys by variable name. Not usable: declared, but cannot be opened."""

    keys: Mapping[str, str]
    usable: bool = True


class Tenants:
    """The registry as this program needs it, refreshed when its version changes.

    Until the first load every call is answered 503; an unknown token causes an extra look, at
    most five a second, so that a fresh tenant does not wait for the next poll.
    """

    def __init__(
        self, store: Store, *, keys: Sequence[PrivateKey], interval_seconds: float
    ) -> None:
        self._store = store
        self._keys = tuple(keys)
        self._interval = interval_seconds
        self._version = 0
        self._tenants: dict[UUID, TenantSnapshot] = {}
        self._by_hash: dict[str, UUID] = {}
        self._provider_keys: dict[UUID, ProviderKeys] = {}
        self._refreshing = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._looked_at = -_PAUSE_SECONDS
        self._changed: set[UUID] = set()
        self.loaded = False

    async def refresh(self) -> None:
        """Read what is newer than what we have. Raises StoreError."""
        async with self._refreshing:
            version, changed, removed = await registry.load_snapshots(
                self._store, newer_than=self._version
            )
            if version < self._version:  # the database was restored from an older state
                version, changed, removed = await registry.load_snapshots(self._store)
                self._tenants.clear()
                self._provider_keys.clear()
                self._by_hash.clear()
            for tenant_id in removed:
                self._tenants.pop(tenant_id, None)
                self._provider_keys.pop(tenant_id, None)
            if self.loaded:
                self._changed |= {*removed, *(one.tenant_id for one in changed)}
            for snapshot in changed:
                self._tenants[snapshot.tenant_id] = snapshot
                self._provider_keys.pop(snapshot.tenant_id, None)
            if changed or removed:
                self._by_hash = {
                    token_hash: tenant_id
                    for tenant_id, snapshot in self._tenants.items()
                    for token_hash in snapshot.work_token_hashes
                }
            self._version = version
            self.loaded = True

    def take_changed(self) -> set[UUID]:
        """Return whose declaration changed since the last call, or since the first load."""
        changed, self._changed = self._changed, set()
        return changed

    async def follow(self) -> None:
        """Refresh for ever; a database that is away for a moment changes nothing."""
        while True:
            with contextlib.suppress(StoreError):
                await self.refresh()
            await asyncio.sleep(self._interval)

    async def authenticate(self, authorization: str) -> TenantSnapshot:
        """Return the tenant whose work token an Authorization header carries.

        Raises Unauthorised, or TryLater while the registry is not loaded.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorised("Send the work token as `Authorization: Bearer`.")
        token_hash = hashlib.sha256(token.strip().encode()).hexdigest()
        if token_hash not in self._by_hash:
            await self._look_for(token_hash)
        if not self.loaded:
            raise TryLater("The registry is not loaded yet.", retry_after=1.0)
        tenant_id = self._by_hash.get(token_hash)
        if tenant_id is None:
            raise Unauthorised("No tenant has this work token.")
        return self._tenants[tenant_id]

    async def _look_for(self, token_hash: str) -> None:
        # Whoever comes while somebody looks waits for what is found, and is not refused before.
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if token_hash in self._by_hash or now - self._looked_at <= _PAUSE_SECONDS:
                return
            try:
                await self.refresh()
            except StoreError as error:
                raise TryLater("The registry cannot be read.", retry_after=1.0) from error
            finally:
                self._looked_at = asyncio.get_running_loop().time()

    def find(self, tenant_id: UUID) -> TenantSnapshot | None:
        """Return a tenant, or None where the registry has it not (any more)."""
        return self._tenants.get(tenant_id)

    def get(self, tenant_id: UUID) -> TenantSnapshot:
        """Return a tenant that was just authenticated. Raises Unauthorised if it went away."""
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            raise Unauthorised("The tenant is gone.")
        return tenant

    def provider_keys(self, tenant: TenantSnapshot) -> ProviderKeys:
        """Return the tenant's own provider keys, opened once per version of the tenant."""
        if tenant.tenant_id not in self._provider_keys:
            self._provider_keys[tenant.tenant_id] = self._open(tenant)
        return self._provider_keys[tenant.tenant_id]

    def _open(self, tenant: TenantSnapshot) -> ProviderKeys:
        found: dict[str, str] = {}
        for secret in tenant.secrets:
            if secret.purpose != "models":
                continue
            try:
                found |= seals.open_sealed(secret, keys=self._keys, tenant_id=tenant.tenant_id)
            except SealRefused as error:
                _log.error(
                    "provider_keys_sealed", tenant_id=str(tenant.tenant_id), reason=str(error)
                )
                return ProviderKeys({}, usable=False)
        return ProviderKeys({name: value.strip() for name, value in found.items()})


def agent_of(tenant: TenantSnapshot, agent_id: UUID) -> AgentSnapshot | None:
    """Return the agent with this id, or None when it was deleted meanwhile."""
    return next((agent for agent in tenant.agents if agent.agent_id == agent_id), None)
