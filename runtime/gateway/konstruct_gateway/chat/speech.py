"""What a person's frames do in a conversation, and what is answered to each."""

import contextlib
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct_channels.inbound import Refusal
from konstruct_channels.webchat import frames as inbound_frames
from konstruct_channels.webchat import inbound
from konstruct_gateway.background.later import Expected
from konstruct_gateway.chat import access, frames
from konstruct_gateway.chat.access import Place
from konstruct_gateway.chat.outgoing import Outgoing
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.errors import Unavailable
from konstruct_gateway.registry.view import answering
from konstruct_messages.inbound import InboundMessage, Person
from konstruct_registry.snapshot import AgentSnapshot
from konstruct_store import asks, people, settle
from konstruct_store.asks import ChoiceVerdict
from konstruct_store.errors import (
    AttachmentRefused,
    ConversationOfAnother,
    Refused,
    RetryLater,
    TurnLost,
)
from konstruct_store.receive import Received


class _NotTaken(Exception):
    """The message was not taken; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Speech:
    """One person in one conversation. `languages` are BCP 47 tags, best first."""

    services: ChatServices
    place: Place
    person: Person
    agent: AgentSnapshot
    conversation_key: str
    languages: tuple[str, ...]
    outgoing: Outgoing
    too_fast: bool = False

    async def hear(
        self, frame: inbound_frames.Frame | Refusal, conversation_id: UUID | None
    ) -> frames.Frame | None:
        """Do what the frame says; return what is answered, if anything.

        Sets `too_fast` when the socket is to be closed. Raises ConversationOfAnother.
        """
        match frame:
            case Refusal() | inbound_frames.Auth():
                return self._refuse(frame.code if isinstance(frame, Refusal) else "already_ready")
            case inbound_frames.Message():
                return await self._message(frame)
            case inbound_frames.Stop():
                return await self._stop(frame, conversation_id)
            case inbound_frames.Feedback():
                return await self._feedback(frame, conversation_id)
            case inbound_frames.Choose():
                return await self._choose(frame)
            case _:
                self.services.metrics.ignored.labels("WebChat", frame.type).inc()
                return None

    def _refuse(self, code: str, client_id: str = "") -> frames.Frame:
        self.services.metrics.refused.labels("frame", code).inc()
        text = self.services.sentences.refusal(code, *self.languages)
        return frames.error(code, text, client_id)

    async def _message(self, frame: inbound_frames.Message) -> frames.Frame | None:
        self.outgoing.own(frame.id)
        try:
            place, agent, received = await self._take(frame)
        except _NotTaken as refused:
            self.outgoing.disown(frame.id)
            return self._refuse(refused.code, frame.id)
        await self.outgoing.accept(frame.id, received.seq)
        await self._after(place, agent, received)
        return None

    async def _take(self, frame: inbound_frames.Message) -> tuple[Place, AgentSnapshot, Received]:
        """Make the message durable. Raises _NotTaken or ConversationOfAnother."""
        message = inbound.message(frame, person=self.person, conversation_key=self.conversation_key)
        return await self._receive(message)

    async def _choose(self, frame: inbound_frames.Choose) -> frames.Frame | None:
        """Take a choice; its words come back as `said`, to this socket too.

        What comes too late, and another choice than the one that was made, changes nothing; a
        notice says so.
        """
        services, tenant_id = self.services, self.place.tenant.tenant_id
        choice = inbound.choice(frame, person=self.person, conversation_key=self.conversation_key)
        if isinstance(choice, Refusal):
            return self._refuse(choice.code)
        try:
            resolved = await asks.resolve(
                services.store, tenant_id, self.place.connection_id, choice
            )
            ask, message = resolved.ask, resolved.message
            verdict = resolved.verdict
            elsewhere = ask is None or ask.conversation_key != self.conversation_key
            if ask is None or elsewhere or verdict is ChoiceVerdict.UNKNOWN:
                return self._refuse(inbound_frames.UNKNOWN_ASK)
            if message is not None:
                place, agent, received = await self._receive(message)
                verdict = await asks.judge(services.store, tenant_id, message, received)
                if not received.duplicate:
                    await self._after(place, agent, received)
            if verdict in {ChoiceVerdict.EXPIRED, ChoiceVerdict.ANSWERED}:
                await services.notices.say_over(tenant_id, ask, verdict, self.languages)
        except _NotTaken as refused:
            return self._refuse(refused.code)
        except RetryLater:
            return self._refuse("try_again")
        return None

    async def _receive(
        self, message: InboundMessage | Refusal
    ) -> tuple[Place, AgentSnapshot, Received]:
        """Make something said durable. Raises _NotTaken or ConversationOfAnother."""
        place, agent = self._now()
        if not self.services.message_rate.take(f"{place.tenant.tenant_id}/{self.person.key}"):
            self.too_fast = True
            raise _NotTaken("too_fast")
        if isinstance(message, Refusal):
            raise _NotTaken(message.code)
        self.outgoing.await_answer()
        try:
            received = await self.services.reception.take(place, agent, message)
        except ConversationOfAnother:
            raise
        except AttachmentRefused as error:
            raise _NotTaken(inbound_frames.BAD_FILE) from error
        except (RetryLater, Unavailable) as error:
            raise _NotTaken("try_again") from error
        except Refused as error:
            # The tenant is being erased.
            raise _NotTaken("no_agent") from error
        except Exception as error:
            # Whatever it is, nothing is known to be stored; the same id may come again.
            structlog.get_logger(__name__).exception("message not taken")
            raise _NotTaken("try_again") from error
        return place, agent, received

    def _now(self) -> tuple[Place, AgentSnapshot]:
        """Return place and agent as the registry has them now."""
        place = access.renewed(self.services.view, self.place)
        agent = (
            access.find_agent_by_id(place.tenant, self.agent.agent_id)
            if place is not None
            else None
        )
        if place is None or agent is None:
            raise _NotTaken("no_agent")
        if not place.admits(self.person.key):
            raise _NotTaken("refused")
        return place, agent

    async def _after(self, place: Place, agent: AgentSnapshot, received: Received) -> None:
        """Say what else there is to say, once the message is acknowledged."""
        tenant_id = place.tenant.tenant_id
        if received.command is not None:
            return
        if answering(place.tenant, agent):
            if not (received.duplicate or received.silenced):
                self.services.later.expect(
                    Expected(tenant_id, received.conversation_id, received.seq, self.languages)
                )
            return
        with contextlib.suppress(RetryLater):
            await self.services.reception.say_suspended(place, received, self.languages)

    async def _stop(
        self, frame: inbound_frames.Stop, conversation_id: UUID | None
    ) -> frames.Frame | None:
        if not _is_id(frame.turn):
            return self._refuse(inbound_frames.BAD_FIELD)
        turn_id = UUID(frame.turn)
        if conversation_id is None:
            return None
        try:
            await settle.stop_turn(
                self.services.store, self.place.tenant.tenant_id, conversation_id, turn_id
            )
        except RetryLater:
            return self._refuse("try_again")
        except (Refused, TurnLost):
            structlog.get_logger(__name__).debug("nothing to stop", turn_id=frame.turn)
        return None

    async def _feedback(
        self, frame: inbound_frames.Feedback, conversation_id: UUID | None
    ) -> frames.Frame | None:
        """Keep what the person thinks of a turn's reply; what is no reply here is passed over."""
        value = frame.value
        if value not in {"up", "down"} or not _is_id(frame.turn):
            return self._refuse(inbound_frames.BAD_FIELD)
        if conversation_id is None:
            return None
        try:
            changed = await people.give_feedback(
                self.services.store,
                self.place.tenant.tenant_id,
                conversation_id,
                UUID(frame.turn),
                person_key=self.person.key,
                value="up" if value == "up" else "down",
            )
        except RetryLater:
            return self._refuse("try_again")
        if changed:
            self.services.metrics.feedback.labels("WebChat", value).inc()
        return None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
