"""Tenants' own provider keys: new ones are tried before they are used, and the tenant is told.

What is found out becomes the Tenant's condition ModelsReady, with the version of the Secret that is
in use. The former keys are remembered for as long as this process runs.
"""

import asyncio
from uuid import UUID

import structlog

from konstruct_llm.keys import KeptKeys, KeyTrials, Trial
from konstruct_llm.tenants import ProviderKeys, Tenants
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_registry.wire import Report
from konstruct_store import Store, registry
from konstruct_store.errors import StoreError

_log = structlog.get_logger(__name__)

_CONDITION = "ModelsReady"
_PAUSE_SECONDS = 1.0
_AGAIN_SECONDS = 120.0


class OwnKeys:
    """Keeps the keys that work. `of` never waits; `follow` tries what is new."""

    def __init__(self, store: Store, tenants: Tenants, trials: KeyTrials) -> None:
        self._store = store
        self._tenants = tenants
        self._trials = trials
        self._kept: dict[UUID, KeptKeys] = {}
        self._proven: set[UUID] = set()
        self._due: dict[UUID, float] = {}
        self._said: dict[UUID, Report] = {}

    def of(self, tenant: TenantSnapshot) -> ProviderKeys:
        """Return the keys that are in use for a tenant.

        The first that this process sees are, untried: the call itself shows what they are worth.
        """
        declared, version = self._tenants.provider_keys(tenant), version_of(tenant)
        if not version:
            self._forget(tenant.tenant_id)
            return declared
        kept = self._kept.get(tenant.tenant_id)
        if kept is None and declared.usable:
            kept = self._kept[tenant.tenant_id] = KeptKeys(version, declared.keys)
        elif kept is None or kept.version != version:
            self._due.setdefault(tenant.tenant_id, 0.0)
        return declared if kept is None else ProviderKeys(kept.in_use)

    async def follow(self) -> None:
        """Look for ever. A database that is away is asked again later."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            self.hear()
            try:
                await self.look()
            except StoreError as error:
                _log.warning("provider_keys_not_told", reason=str(error))

    def hear(self) -> None:
        """Learn whose declaration changed, so that new keys are tried before anybody calls."""
        for tenant_id in self._tenants.take_changed():
            tenant = self._tenants.find(tenant_id)
            if tenant is None:
                self._forget(tenant_id)
            else:
                self.of(tenant)
                if version_of(tenant):
                    self._due[tenant_id] = 0.0

    async def look(self) -> None:
        """Try what is due. Raises StoreError; the rest stays due."""
        now = asyncio.get_running_loop().time()
        for tenant_id, at in list(self._due.items()):
            tenant = self._tenants.find(tenant_id)
            if tenant is None:
                self._forget(tenant_id)
            elif at <= now:
                await self._look_at(tenant)

    async def _look_at(self, tenant: TenantSnapshot) -> None:
        declared, version = self._tenants.provider_keys(tenant), version_of(tenant)
        kept = self._kept.get(tenant.tenant_id)
        if kept is None or not declared.usable:
            in_use = kept.version if kept is not None else ""
            await self._say(tenant, _not_opened(former=kept is not None), version=in_use)
            self._due.pop(tenant.tenant_id, None)
            return
        if kept.version != version:
            await kept.take_over(declared.keys, version, self._trials.attempt)
        elif tenant.tenant_id not in self._proven and not await self._told_before(tenant, version):
            await self._prove(kept)
        await self._say(tenant, _found(kept, former=kept.version != version), version=kept.version)
        if kept.refused or kept.untried:
            self._due[tenant.tenant_id] = asyncio.get_running_loop().time() + _AGAIN_SECONDS
        else:
            self._proven.add(tenant.tenant_id)
            self._due.pop(tenant.tenant_id, None)

    async def _prove(self, kept: KeptKeys) -> None:
        """Find out about keys that are in use because there are no others."""
        found = {name: await self._trials.attempt(name, key) for name, key in kept.in_use.items()}
        kept.refused = frozenset(name for name, one in found.items() if one is Trial.REFUSED)
        kept.untried = frozenset(name for name, one in found.items() if one is Trial.UNKNOWN)

    async def _told_before(self, tenant: TenantSnapshot, version: str) -> bool:
        """Tell whether some replica found this version to be good: a restart tries nothing anew."""
        known = await registry.last_report(
            self._store, tenant.tenant_id, "Tenant", tenant.name, _CONDITION
        )
        return known is not None and (known.status, known.version) == ("True", version)

    async def _say(
        self, tenant: TenantSnapshot, found: tuple[str, str, str], *, version: str
    ) -> None:
        status, reason, message = found
        report = Report.model_validate(
            {
                "tenant_id": tenant.tenant_id,
                "digest": tenant.digest(),
                "kind": "Tenant",
                "name": tenant.name,
                "condition": _CONDITION,
                "status": status,
                "reason": reason,
                "message": message,
                "version": version,
            }
        )
        if self._said.get(tenant.tenant_id) == report:
            return
        await registry.add_report(self._store, report)
        self._said[tenant.tenant_id] = report
        _log.info("provider_keys_told", tenant_id=str(tenant.tenant_id), reason=reason)

    def _forget(self, tenant_id: UUID) -> None:
        for known in (self._kept, self._due, self._said):
            known.pop(tenant_id, None)
        self._proven.discard(tenant_id)


def version_of(tenant: TenantSnapshot) -> str:
    """Return which version of which Secret holds the tenant's own keys, '' where it names none."""
    return ",".join(one.version for one in tenant.secrets if one.purpose == "models")


def _not_opened(*, former: bool) -> tuple[str, str, str]:
    instead = "the former ones go on working" if former else "no call uses them"
    message = (
        f"The model service cannot open the Secret with the provider keys; {instead}."
        " See its log, and `Seal keys` in the manual on replacing secrets."
    )
    return "False", "KeysNotOpened", message


def _found(kept: KeptKeys, *, former: bool) -> tuple[str, str, str]:
    refused, untried = (", ".join(sorted(one)) for one in (kept.refused, kept.untried))
    if refused:
        which = f"the new {refused}; the former goes on working" if former else refused
        message = f"The provider refuses {which}. Put the right key into the Secret."
        return "False", "NewKeysRefused" if former else "KeysRefused", message
    if untried:
        stays = ", and the former key stays in use" if former else ""
        message = f"The provider of {untried} cannot be asked now; trying again{stays}."
        return "Unknown", "KeysNotTried", message
    return "True", "KeysTaken", "The providers take the tenant's own keys."
