"""Signs of work in vendors' channels: from a message's receipt to its answer, best-effort.

The replica that received a message shows its sign, again before it vanishes, with the words of the
step at hand, until the turn ends; it hears of both through hints, wherever the turn is worked on.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct_channels.live import Place, Sign, Signs
from konstruct_channels.outbound import Outbound
from konstruct_gateway.edge.rates import Rates
from konstruct_gateway.hints import Hint
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_messages.inbound import InboundMessage
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import AgentSnapshot, ConnectionSnapshot, TenantSnapshot

_MOST_SHOWN = 10_000
_MOST_AT_ONCE = 64
_PER_SECOND, _BURST = 20.0, 100
_LONGEST_SECONDS = 3600.0
_AGAIN_SHARE = 0.8


@dataclass
class _Shown:
    """One conversation's sign. Calls follow each other, and one that is overtaken is left out."""

    tenant_id: UUID
    connection: str
    place: Place
    words: str
    began: float
    at: float
    newest: int = 0
    calling: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class SignBoard:
    """What this replica shows, by conversation. Nothing here awaits a vendor for a caller."""

    view: RegistryView
    outbounds: Mapping[str, Outbound]
    sentences: Sentences
    clock: Callable[[], float] = time.monotonic
    _shown: OrderedDict[UUID, _Shown] = field(default_factory=OrderedDict)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)
    _signing: dict[str, Signs] = field(init=False)
    _rates: Rates = field(init=False)

    def __post_init__(self) -> None:
        self._signing = {
            channel: one for channel, one in self.outbounds.items() if isinstance(one, Signs)
        }
        self._rates = Rates(per_second=_PER_SECOND, burst=_BURST, clock=self.clock)

    def received(
        self,
        tenant: TenantSnapshot,
        connection: ConnectionSnapshot,
        agent: AgentSnapshot,
        conversation_id: UUID,
        message: InboundMessage,
    ) -> None:
        """Show that the message was heard and is worked on."""
        if connection.type not in self._signing or not self._room(tenant.tenant_id, connection):
            return
        place = Place(
            conversation_key=message.conversation_key,
            person_key=message.person.key,
            message_key=message.client_id,
            agent_name=agent.display_name,
            avatar=agent.avatar,
        )
        languages = (message.person.language, agent.language, tenant.language)
        words = self.sentences.working(*languages)
        now = self.clock()
        shown = _Shown(tenant.tenant_id, connection.name, place, words, now, now)
        self._shown[conversation_id] = shown
        self._shown.move_to_end(conversation_id)
        if len(self._shown) > _MOST_SHOWN:
            self._shown.popitem(last=False)
        self._show(shown, Sign.WORKING)

    def heard(self, hint: Hint) -> None:
        """Learn from a hint what the agent does, or that it is done."""
        shown = self._shown.get(hint.conversation_id) if hint.conversation_id else None
        if shown is None:
            return
        if hint.kind == "Frame" and hint.frame.get("type") == "step":
            shown.words = str(hint.frame.get("text", "")) or shown.words
            self._show(shown, Sign.WORKING)
        elif hint.kind == "Log" and hint.ended_turn is not None:
            del self._shown[hint.conversation_id]  # type: ignore[arg-type]
            self._show(shown, Sign.IDLE)

    async def refresh(self) -> None:
        """Show again what would vanish soon, and forget what nobody ended."""
        now = self.clock()
        for conversation_id, shown in list(self._shown.items()):
            outbound = self._outbound(shown)
            if outbound is None or now - shown.began > _LONGEST_SECONDS:
                self._shown.pop(conversation_id, None)
            elif now - shown.at >= outbound.sign_seconds * _AGAIN_SHARE:
                self._show(shown, Sign.WORKING)

    async def close(self) -> None:
        """Show nothing more."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _show(self, shown: _Shown, sign: Sign) -> None:
        shown.at = self.clock()
        if len(self._calls) >= _MOST_AT_ONCE and sign is Sign.WORKING:
            return
        shown.newest += 1
        call = asyncio.create_task(self._in_turn(shown, sign, shown.newest))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    def _room(self, tenant_id: UUID, connection: ConnectionSnapshot) -> bool:
        """Tell whether one more message gets a sign: nobody reads those of a flood."""
        key = f"{tenant_id}/{connection.name}"
        return len(self._calls) < _MOST_AT_ONCE and self._rates.take(key)

    async def _in_turn(self, shown: _Shown, sign: Sign, number: int) -> None:
        async with shown.calling:
            if number == shown.newest:
                await self._call(shown, sign, shown.words)

    async def _call(self, shown: _Shown, sign: Sign, words: str) -> None:
        outbound = self._outbound(shown)
        tenant = self.view.tenant_by_id(shown.tenant_id)
        connection = tenant.connection(shown.connection) if tenant is not None else None
        if outbound is None or tenant is None or connection is None:
            return
        try:
            credentials = self.view.credentials(tenant, connection.name)
            await outbound.sign(
                shown.place,
                sign,
                words if sign is Sign.WORKING else "",
                config=connection.config,
                credentials=credentials,
            )
        except SealRefused:
            return
        except Exception:  # noqa: BLE001 - a sign is no reason for anything else to fail
            structlog.get_logger(__name__).exception(
                "sign not shown", tenant_id=str(shown.tenant_id), connection=shown.connection
            )

    def _outbound(self, shown: _Shown) -> Signs | None:
        tenant = self.view.tenant_by_id(shown.tenant_id)
        connection = tenant.connection(shown.connection) if tenant is not None else None
        return self._signing.get(connection.type) if connection is not None else None
