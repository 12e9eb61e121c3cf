"""What an agent may do with a turn it holds. Every effect is fenced in the store."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from konstruct_channels.catalogue import Cut
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.chat import frames
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.errors import BadRequest
from konstruct_gateway.hints import Hint
from konstruct_gateway.media.making import Maker
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.waiting import Waiting
from konstruct_messages.inbound import Attachment
from konstruct_messages.replies import ReplyPart
from konstruct_messages.turns import ClaimedTurn, Step
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import journal, settle
from konstruct_store.errors import AttachmentRefused, TurnLost
from konstruct_store.journal import RecordedStep, TurnContext
from konstruct_store.settle import Settled
from konstruct_store.store import Store
from konstruct_telemetry.logs import remember
from konstruct_telemetry.traces import TURN, Traces, began_at

_MOST_PARTS = 64
_MOST_KNOWN = 50_000


@dataclass(frozen=True)
class Held:
    """A turn as the agent names it: the fence of every effect."""

    tenant: TenantSnapshot
    turn_id: UUID
    attempt: int
    turn_token: str


@dataclass(frozen=True)
class _Whereabouts:
    """Where a turn belongs; it never changes. `connection_id` is not known from a claim."""

    conversation_id: UUID
    connection_id: UUID | None


@dataclass
class Turns:
    """The effects of the work API; each raises TurnLost or RetryLater."""

    store: Store
    view: RegistryView
    telling: Telling
    waiting: Waiting
    sentences: Sentences
    metrics: Metrics
    specs: Mapping[str, ChannelSpec]
    maker: Maker
    cuts: Mapping[str, Cut]
    """By channel: a vendor that cannot be asked what it has gets one message by delivery."""
    traces: Traces = field(default_factory=Traces)
    _known: OrderedDict[UUID, _Whereabouts] = field(default_factory=OrderedDict)

    def claimed(self, turn: ClaimedTurn) -> None:
        """Remember where a turn belongs, which saves asking when it ends."""
        self._remember(turn.turn_id, _Whereabouts(turn.conversation_id, None))

    async def context(self, held: Held) -> TurnContext:
        """Return where a turn belongs, fenced."""
        return await journal.check_turn(
            self.store, held.tenant.tenant_id, held.turn_id, held.attempt, held.turn_token
        )

    async def record(self, held: Held, step: Step) -> RecordedStep:
        """Journal a step."""
        return await journal.record_step(
            self.store, held.tenant.tenant_id, held.turn_id, held.attempt, held.turn_token, step
        )

    async def note(self, held: Held, text: str) -> None:
        """Show the person what the agent does."""
        context = await self.context(held)
        frame = frames.step(str(held.turn_id), text)
        self.telling.show(held.tenant.tenant_id, context.conversation_id, frame)

    async def make_file(self, held: Held, number: int, name: str, text: str) -> Attachment:
        """Keep a file that a step makes. Raises BadRequest and Unavailable."""
        turn = (held.turn_id, held.attempt, held.turn_token)
        return await self.maker.make(held.tenant.tenant_id, turn, number, name, text)

    async def complete(self, held: Held, parts: tuple[ReplyPart, ...]) -> Settled:
        """Record the reply. Raises BadRequest for files that are not the turn's, and for no parts.

        Only a stopped turn may have none.
        """
        where = await self._whereabouts(held)
        remember(conversation_id=where.conversation_id if where else None)
        try:
            settled = await settle.complete_turn(
                self.store,
                held.tenant.tenant_id,
                held.turn_id,
                held.attempt,
                held.turn_token,
                self._cut(held, where, parts),
                sends=self._sends(held, where),
                unfinished=self._stopped(held),
            )
        except (ValueError, AttachmentRefused) as error:
            raise BadRequest(str(error)) from error
        self._tell(held, where, settled)
        return settled

    async def fail(self, held: Held, reason: str) -> Settled:
        """Give the turn up: the person gets one apology, operators a dead letter."""
        where = await self._whereabouts(held)
        remember(conversation_id=where.conversation_id if where else None)
        settled = await settle.fail_turn(
            self.store,
            held.tenant.tenant_id,
            held.turn_id,
            held.attempt,
            held.turn_token,
            reason=reason,
            apology=lambda _tenant_id, language: self.sentences.apology(
                language, held.tenant.language
            ),
            sends=self._sends(held, where),
            unfinished=self._stopped(held),
        )
        self._tell(held, where, settled)
        return settled

    def _cut(
        self, held: Held, where: _Whereabouts | None, parts: tuple[ReplyPart, ...]
    ) -> tuple[ReplyPart, ...]:
        """Return a reply's parts, each as long as one message of its channel."""
        at = where.connection_id if where is not None else None
        found = (one.type for one in held.tenant.connections if one.connection_id == at)
        cut = self.cuts.get(next(found, ""))
        if cut is None:
            return parts
        pieces = [
            (part, text, number == len(texts))
            for part in sorted(parts, key=lambda one: one.part)
            for texts in (cut(part.text) or [part.text],)
            for number, text in enumerate(texts, 1)
        ]
        if len(pieces) > _MOST_PARTS:
            return parts
        return tuple(
            ReplyPart(
                part=number,
                text=text,
                choices=part.choices if ends else (),
                attachments=part.attachments if ends else (),
            )
            for number, (part, text, ends) in enumerate(pieces)
        )

    def _stopped(self, held: Held) -> Callable[[UUID, str], str]:
        return lambda _tenant_id, language: self.sentences.stopped(language, held.tenant.language)

    def goes_to_vendor(self, tenant_id: UUID, connection_id: UUID) -> bool:
        """Tell whether replies on a connection go to a vendor, or are delivered by the log."""
        tenant = self.view.tenant_by_id(tenant_id)
        connections = tenant.connections if tenant is not None else ()
        return any(
            one.connection_id == connection_id and self._sending(one.type) for one in connections
        )

    def _sending(self, channel_type: str) -> bool:
        spec = self.specs.get(channel_type)
        return spec is not None and spec.sends

    def _sends(self, held: Held, where: _Whereabouts | None) -> bool:
        if where is None or where.connection_id is None:
            return False
        return self.goes_to_vendor(held.tenant.tenant_id, where.connection_id)

    async def _whereabouts(self, held: Held) -> _Whereabouts | None:
        """Return where the turn belongs; None when it is lost or settled: the store says which."""
        known = self._known.get(held.turn_id)
        vendors = any(self._sending(one.type) for one in held.tenant.connections)
        if known is not None and (known.connection_id is not None or not vendors):
            return known
        try:
            context = await self.context(held)
        except TurnLost:
            return known
        where = _Whereabouts(context.conversation_id, context.connection_id)
        self._remember(held.turn_id, where)
        return where

    def _remember(self, turn_id: UUID, where: _Whereabouts) -> None:
        self._known[turn_id] = where
        self._known.move_to_end(turn_id)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _tell(self, held: Held, where: _Whereabouts | None, settled: Settled) -> None:
        self.metrics.turns.labels(settled.disposition.value).inc()
        self.traces.record(
            held.turn_id,
            TURN,
            began=began_at(held.turn_id),
            ended=datetime.now(UTC),
            tenant_id=held.tenant.tenant_id,
            attempt=held.attempt,
            disposition=settled.disposition.value,
        )
        if where is not None:
            hint = Hint(
                kind="Log",
                tenant_id=held.tenant.tenant_id,
                conversation_id=where.conversation_id,
                seq=settled.log_entries[-1].seq if settled.log_entries else 0,
                ended_turn=held.turn_id,
                queued=self._sends(held, where),
            )
            self.telling.tell(hint, settled.log_entries)
        if settled.more:  # messages that came meanwhile are the next turn
            self.waiting.mark(held.tenant.tenant_id)
