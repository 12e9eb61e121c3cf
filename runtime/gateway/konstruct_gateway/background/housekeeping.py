"""What must be tidied up slowly: erased tenants, old keys, reservations of calls that vanished."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct_gateway.media.files import Files
from konstruct_gateway.registry.view import RegistryView
from konstruct_media.errors import MediaAway
from konstruct_store import access, erase, media, receive, replicas, settle, usage
from konstruct_store.store import Store

_TENANTS_PER_ROUND = 50


@dataclass
class Housekeeper:
    """Runs on every replica; a few tenants per round, so that a thousand are no burst."""

    store: Store
    view: RegistryView
    files: Files
    _next: int = 0

    async def tidy(self) -> None:
        """Do one round. Raises RetryLater; what was tidied before stays tidy."""
        await self._erase_tenants()
        await settle.prune_idle(self.store)
        await replicas.prune(self.store)
        tenants = sorted(self.view.tenants, key=str)
        if self._next >= len(tenants):
            self._next = 0
        some = tenants[self._next : self._next + _TENANTS_PER_ROUND]
        self._next += len(some)
        for tenant_id in some:
            await usage.expire_reservations(self.store, tenant_id)
            await receive.prune_keys(self.store, tenant_id)
            await self._forget_people(tenant_id)
            await self._forget_files(tenant_id)

    async def _erase_tenants(self) -> None:
        log = structlog.get_logger(__name__)
        try:
            for tenant_id in await erase.erase_tenants(self.store, first=self.files.erase):
                log.info("tenant erased", tenant_id=str(tenant_id))
        except MediaAway as away:
            # A tenant is not erased before its files are; the next round tries again.
            log.warning("files not erased", error=str(away))

    async def _forget_people(self, tenant_id: UUID) -> None:
        """Forget what vendors said of people who have not written for long."""
        tenant = self.view.tenant_by_id(tenant_id)
        if tenant is not None:
            days = tenant.retention.conversation_days
            await access.forget(self.store, tenant_id, days=days)

    async def _forget_files(self, tenant_id: UUID) -> None:
        """Forget uploads that nobody sent, and files that are older than conversations may be."""
        tenant = self.view.tenant_by_id(tenant_id)
        if tenant is None:
            return
        days = tenant.retention.conversation_days
        try:
            over = await media.to_forget(self.store, tenant_id, days=days)
            await self.files.forget(tenant_id, over)
        except MediaAway as away:
            structlog.get_logger(__name__).warning("files not forgotten", error=str(away))
