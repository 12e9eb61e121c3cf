"""One socket's life: a ticket first, what was missed, then both directions until it closes."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from konstruct_channels.inbound import Refusal
from konstruct_channels.webchat import frames as inbound_frames
from konstruct_channels.webchat.spec import USUAL_FILES, FilesPolicy
from konstruct_gateway.chat import access, frames
from konstruct_gateway.chat.access import Place
from konstruct_gateway.chat.outgoing import Outgoing
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.chat.speech import Speech
from konstruct_gateway.errors import NotFound
from konstruct_messages.credentials import ChatCredential, CredentialUse, verify
from konstruct_messages.errors import MessagesError
from konstruct_messages.inbound import Ignored, Person
from konstruct_registry.snapshot import AgentSnapshot
from konstruct_store import log as stored_log
from konstruct_store import receive as stored
from konstruct_store.errors import ConversationOfAnother, RetryLater
from konstruct_store.log import LogEntry

_PAGE = 200
_IDLE_SECONDS = 60.0
_ALONE_SECONDS = 300.0


class Closed(Exception):
    """The socket is to be closed with `code`."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(eq=False)
class Session:
    """A socket of one person in one conversation; a Listener of the hub."""

    services: ChatServices
    socket: WebSocket
    place: Place
    address: str
    conversation_id: UUID | None = None
    room: tuple[UUID, str] = field(init=False, default=(UUID(int=0), ""))
    _credential: ChatCredential = field(init=False)
    _agent: AgentSnapshot = field(init=False)
    _outgoing: Outgoing = field(init=False)
    _going: bool = False
    _closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the accepted socket until it closes. Never raises for what the client did."""
        try:
            auth = await self._authenticate()
            held = self._take_place()
            try:
                await self._enter(auth)
                await self._converse()
            finally:
                self.services.people.give(held)
                self.services.hub.leave(self, self.conversation_id)
        except Closed as closed:
            self.services.metrics.refused.labels("socket", str(closed.code)).inc()
            await self._close(closed.code, str(closed))
        except RetryLater:
            await self._close(frames.RESTART, "try again")
        except (WebSocketDisconnect, RuntimeError):
            structlog.get_logger(__name__).debug("socket gone")

    def bind(self, conversation_id: UUID) -> None:
        """Learn the id that the store gave the conversation."""
        self.conversation_id = conversation_id

    def log_grew(self, seq: int, entries: Sequence[LogEntry]) -> None:
        """Send the log up to `seq`, soon."""
        self._outgoing.log_grew(seq, entries)

    def show(self, frame: frames.Frame) -> None:
        """Show something for a while."""
        self._outgoing.show(frame)

    async def move(self) -> None:
        """Tell the client to connect anew: this replica goes down."""
        self._going = True
        await self._close(frames.RESTART, "moving")

    @property
    def _languages(self) -> tuple[str, ...]:
        return (self._credential.language, self._agent.language, self.place.tenant.language)

    def _take_place(self) -> str:
        """Count this socket for its person; return the key to give it back under."""
        key = f"{self.place.tenant.tenant_id}/{self._credential.person_key}"
        if not self.services.people.take(key):
            raise Closed(frames.TOO_FAST, "too many sockets")
        return key

    async def _authenticate(self) -> inbound_frames.Auth:
        try:
            async with asyncio.timeout(self.services.settings.authenticate_seconds):
                message = await self.socket.receive()
        except TimeoutError:
            raise Closed(frames.NO_TICKET, "no ticket in time") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        frame = inbound_frames.parse(message.get("text") or "")
        if not isinstance(frame, inbound_frames.Auth):
            raise Closed(frames.NO_TICKET, "the first frame is auth")
        try:
            credential = verify(
                frame.ticket,
                self.services.settings.chat_key_bytes,
                use=CredentialUse.TICKET,
                now=datetime.now(UTC),
            )
        except MessagesError:
            raise Closed(frames.NO_TICKET, "bad ticket") from None
        here = (self.place.tenant.tenant_id, self.place.connection)
        if (credential.tenant_id, credential.connection) != here:
            raise Closed(frames.NO_TICKET, "the ticket is for another chat")
        if not self.place.admits(credential.person_key):
            raise Closed(frames.NO_TICKET, "this chat is not for you")
        self._credential = credential
        return frame

    async def _enter(self, auth: inbound_frames.Auth) -> None:
        """Join the conversation, say `ready`, and send what was missed before anything new."""
        key = auth.conversation or str(uuid4())
        self.room = (self.place.connection_id, key)
        conversation = await stored.find_conversation(
            self.services.store, self.place.tenant.tenant_id, self.place.connection_id, key
        )
        if conversation is not None and conversation.person_key != self._credential.person_key:
            raise Closed(frames.ANOTHERS, "another person's conversation")
        agent = None
        if conversation is not None:
            self.conversation_id = conversation.conversation_id
            agent = access.find_agent_by_id(self.place.tenant, conversation.agent_id)
        self._agent = agent or self._declared_agent()
        self._outgoing = Outgoing(
            read=self._read,
            send=self.socket.send_text,
            agent=self._agent.display_name,
            stopped=self.services.sentences.stopped(*self._languages),
            link=self.services.files.link_of(self.place.tenant.tenant_id),
            idle_seconds=_ALONE_SECONDS if self.services.replicas.alone else _IDLE_SECONDS,
        )
        # A database that is new or was restored knows less than the client has seen: what is said
        # from now on gets numbers that it would otherwise take for seen.
        known = conversation.last_seq if conversation is not None else 0
        self._outgoing.start_after(min(auth.after or 0, known))
        self.services.hub.join(self, self.conversation_id)
        config = self.place.config
        name = self._agent.display_name
        ready = frames.ready(key, name, title=config.title, greeting=config.greeting)
        if self.services.files.kept and config.files is FilesPolicy.ALLOWED:
            ready |= frames.files_taken(config.largest_file_bytes, config.file_types or USUAL_FILES)
        await self._say(ready)
        await self._outgoing.catch_up()
        if self.conversation_id is not None:
            self.services.hub.show_live(self, self.conversation_id)

    def _declared_agent(self) -> AgentSnapshot:
        name = self._credential.agent if self.place.for_portal else self.place.agent
        try:
            return access.find_agent(self.place.tenant, name)
        except NotFound:
            raise Closed(frames.NO_TICKET, "there is no agent to talk to") from None

    async def _read(self, after: int) -> Sequence[LogEntry]:
        if self.conversation_id is None:
            connection_id, key = self.room
            conversation = await stored.find_conversation(
                self.services.store, self.place.tenant.tenant_id, connection_id, key
            )
            if conversation is None:
                return ()
            self.services.hub.join(self, conversation.conversation_id)
        assert_id = self.conversation_id
        if assert_id is None:
            return ()
        return await stored_log.read_log(
            self.services.store,
            self.place.tenant.tenant_id,
            assert_id,
            after=after,
            limit=_PAGE,
        )

    async def _converse(self) -> None:
        speech = Speech(
            services=self.services,
            place=self.place,
            person=Person(
                key=self._credential.person_key,
                display_name=self._credential.display_name,
                language=self._credential.language,
            ),
            agent=self._agent,
            conversation_key=self.room[1],
            languages=self._languages,
            outgoing=self._outgoing,
        )
        writer = asyncio.create_task(self._outgoing.run(), name="socket writer")
        writer.add_done_callback(self._writer_ended)
        try:
            while True:
                message = await self.socket.receive()
                if message["type"] == "websocket.disconnect" or self._going:
                    return
                await self._hear(speech, message.get("text"))
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await writer

    async def _hear(self, speech: Speech, raw: str | None) -> None:
        if not self.services.frame_rate.take(self.address):
            raise Closed(frames.TOO_FAST, "too many frames")
        frame = inbound_frames.parse(raw) if raw is not None else Refusal("not_text")
        if isinstance(frame, Ignored):
            self.services.metrics.ignored.labels("WebChat", frame.reason).inc()
            return
        try:
            answer = await speech.hear(frame, self.conversation_id)
        except ConversationOfAnother:
            raise Closed(frames.ANOTHERS, "another person's conversation") from None
        if answer is not None:
            await self._say(answer)
        if speech.too_fast:
            raise Closed(frames.TOO_FAST, "too many messages")

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        """Close a socket that nothing is written to any more: its client connects anew."""
        if writer.cancelled() or isinstance(writer.exception(), WebSocketDisconnect | RuntimeError):
            return
        structlog.get_logger(__name__).error("socket writer failed", exc_info=writer.exception())
        self._closing = asyncio.create_task(self._close(frames.FAILED, "failed"))

    async def _say(self, frame: frames.Frame) -> None:
        await self.socket.send_text(frames.encode(frame))

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self.socket.close(code, reason)
