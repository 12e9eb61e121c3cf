"""Replies in the making, shown by the vendor that will get them: best-effort, never in the way.

The replica that gets a turn's deltas writes its draft. The draft's row is committed before the
vendor is called and takes the vendor's id right after; whatever happens here, the sender makes the
recorded reply of it. See `konstruct_channels.live`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct_channels.live import Live
from konstruct_channels.outbound import Outbound
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hints import Hint
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.work.drafting import Drafting, Way
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store.journal import TurnContext
from konstruct_store.store import Store

_MOST = 2_000


@dataclass
class Drafts:
    """The drafts that this replica writes, by conversation: each has one open turn.

    Beyond so many at once there are no more.
    """

    store: Store
    view: RegistryView
    metrics: Metrics
    outbounds: Mapping[str, Outbound]
    queued: asyncio.Event
    """Set when a reply waits no longer for a call of its draft."""
    most: int = _MOST
    _writing: dict[UUID, Drafting] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def open(
        self,
        tenant: TenantSnapshot,
        context: TurnContext,
        turn_id: UUID,
        attempt: int,
        turn_token: str,
    ) -> Drafting | None:
        """Return what hears an attempt's deltas, or None where the channel shows no drafts."""
        way = self._way(tenant, context)
        if way is None or len(self._writing) >= self.most:
            return None
        drafting = Drafting(
            store=self.store,
            metrics=self.metrics,
            way=way,
            turn_id=turn_id,
            attempt=attempt,
            turn_token=turn_token,
            person_key=context.person_key,
            released=self.queued.set,
        )
        self._writing[context.conversation_id] = drafting
        task = asyncio.create_task(self._write(drafting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return drafting

    def heard(self, hint: Hint) -> None:
        """Learn from a hint, of this replica or another, what concerns a draft here."""
        drafting = self._writing.get(hint.conversation_id) if hint.conversation_id else None
        if drafting is None:
            return
        if hint.kind == "Frame" and hint.frame.get("type") == "step":
            if hint.frame.get("turn") == str(drafting.turn_id):
                drafting.does(str(hint.frame.get("text", "")))
        elif hint.kind == "Log" and hint.ended_turn == drafting.turn_id:
            drafting.end(whole=False)
        elif hint.kind == "Log":
            drafting.look_again()

    async def close(self) -> None:
        """Write no more; what vendors show is finished by whoever sends the replies."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write(self, drafting: Drafting) -> None:
        try:
            await drafting.write()
        except Exception:  # noqa: BLE001 - see below
            # A bug in what is only shown must not keep the reply from being sent.
            structlog.get_logger(__name__).exception("draft failed", turn_id=str(drafting.turn_id))
        finally:
            if self._writing.get(drafting.way.conversation_id) is drafting:
                del self._writing[drafting.way.conversation_id]

    def _way(self, tenant: TenantSnapshot, context: TurnContext) -> Way | None:
        found = (one for one in tenant.connections if one.connection_id == context.connection_id)
        connection = next(found, None)
        outbound = self.outbounds.get(connection.type) if connection is not None else None
        if connection is None or not isinstance(outbound, Live) or not context.conversation_key:
            return None
        try:
            credentials = self.view.credentials(tenant, connection.name)
        except SealRefused:
            return None
        agent = next((one for one in tenant.agents if one.agent_id == context.agent_id), None)
        return Way(
            tenant_id=tenant.tenant_id,
            conversation_id=context.conversation_id,
            conversation_key=context.conversation_key,
            live=outbound,
            channel=connection.type,
            config=connection.config,
            credentials=credentials,
            agent=agent,
        )
