"""What this replica learnt about connections, on its way to becoming conditions."""

from collections.abc import Callable
from uuid import UUID

from konstruct_channels.inbound import Learnt
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_registry.wire import Report
from konstruct_store import registry as stored
from konstruct_store.store import Store

_Key = tuple[UUID, str, str]


class Conditions:
    """Reports to the operator by way of the store; what was said already is not said again."""

    def __init__(
        self,
        store: Store,
        *,
        version_in_use: Callable[[TenantSnapshot, str], str] = lambda tenant, connection: "",  # noqa: ARG005
    ) -> None:
        self._store = store
        self._version_in_use = version_in_use
        self._digests: dict[UUID, tuple[TenantSnapshot, str]] = {}
        self._said: dict[_Key, tuple[str, Learnt, str]] = {}
        self._noted: dict[_Key, tuple[TenantSnapshot, Learnt]] = {}

    async def say(self, tenant: TenantSnapshot, connection: str, learnt: Learnt) -> None:
        """Record it durably, with the version of the Secret in use. Raises RetryLater."""
        key = (tenant.tenant_id, connection, str(learnt.condition))
        version = self._version_in_use(tenant, connection)
        now = (self._digest(tenant), learnt, version)
        self._noted.pop(key, None)
        if self._said.get(key) == now:
            return
        await stored.add_report(
            self._store,
            Report(
                tenant_id=tenant.tenant_id,
                digest=now[0],
                kind="ChannelConnection",
                name=connection,
                condition=learnt.condition,
                status=learnt.status,
                reason=learnt.reason,
                message=learnt.message,
                version=version,
            ),
        )
        self._said[key] = now

    async def holds(self, tenant: TenantSnapshot, connection: str, condition: str) -> bool:
        """Tell whether any replica reported it as True of what is declared now.

        Raises RetryLater.
        """
        found = await stored.last_report(
            self._store, tenant.tenant_id, "ChannelConnection", connection, condition
        )
        return found is not None and (found.status, found.digest) == ("True", self._digest(tenant))

    def note(self, tenant: TenantSnapshot, connection: str, learnt: Learnt) -> None:
        """Remember to say it: `flush` does, so that no acknowledgement waits for it."""
        key = (tenant.tenant_id, connection, str(learnt.condition))
        now = (self._digest(tenant), learnt, self._version_in_use(tenant, connection))
        if self._said.get(key) != now:
            self._noted[key] = (tenant, learnt)

    async def flush(self) -> None:
        """Say what was noted. Raises RetryLater; the rest stays noted."""
        for (_, connection, _), (tenant, learnt) in list(self._noted.items()):
            await self.say(tenant, connection, learnt)

    def _digest(self, tenant: TenantSnapshot) -> str:
        known = self._digests.get(tenant.tenant_id)
        if known is None or known[0] is not tenant:
            known = (tenant, tenant.digest())
            self._digests[tenant.tenant_id] = known
        return known[1]
