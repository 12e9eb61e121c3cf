"""A person's end of web chat: a ticket by HTTP, then one WebSocket of JSON frames."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from konstruct_local.chat_memory import ChatAddress, ChatMemory
from konstruct_local.errors import NoAnswer, NotYours, Unreachable
from konstruct_local.words import mark as _

Frame = dict[str, Any]

_CLOSED_NO_TICKET: Final = 4401
_CLOSED_FOREIGN: Final = 4403
_CLOSED_TOO_FAST: Final = 4429
_TIMEOUT: Final = httpx.Timeout(10, connect=3)


class Interrupted(Exception):
    """The socket ended without saying why: open another, nothing is lost."""


class ChatSocket:
    """An open, authenticated socket."""

    def __init__(self, socket: ClientConnection, memory: ChatMemory, agent: str) -> None:
        self._socket = socket
        self.memory = memory
        self.agent = agent

    async def say(self, text: str, message_id: str) -> None:
        """Send a message; the same `message_id` twice is one message. Raises Interrupted."""
        await self._send({"type": "message", "id": message_id, "text": text})

    async def choose(self, ask: str, choice: str) -> None:
        """Answer a question; the same choice twice is one answer. Raises Interrupted."""
        await self._send({"type": "choose", "ask": ask, "choice": choice})

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield every frame as it comes. Raises Interrupted or NoAnswer when the socket ends."""
        try:
            async for raw in self._socket:
                frame = json.loads(raw)
                if isinstance(frame, dict):
                    yield frame
        except ConnectionClosed as closed:
            raise _ended(closed) from closed
        raise Interrupted

    async def _send(self, frame: Frame) -> None:
        try:
            await self._socket.send(json.dumps(frame))
        except ConnectionClosed as closed:
            raise _ended(closed) from closed


@asynccontextmanager
async def open_chat(
    url: str, address: ChatAddress, memory: ChatMemory
) -> AsyncIterator[ChatSocket]:
    """Take a ticket and open the socket at the public address `url`.

    Raises NoAnswer with what to do where that is for a person to mend, Interrupted where a moment
    later will do (the other side is starting).
    """
    ticket = await _ticket(url, address, memory)
    memory = ChatMemory(
        resume=str(ticket.get("resume") or memory.resume),
        conversation=memory.conversation,
        after=memory.after,
    )
    auth: Frame = {"type": "auth", "ticket": ticket["ticket"]}
    if memory.conversation:
        auth |= {"conversation": memory.conversation, "after": memory.after}
    target = f"{url.rstrip('/').replace('http', 'ws', 1)}/chat/{address}/ws"
    try:
        async with asyncio.timeout(10), contextlib.AsyncExitStack() as stack:
            socket = await stack.enter_async_context(connect(target, proxy=None))
            await socket.send(json.dumps(auth))
            ready = json.loads(await socket.recv())
            opened = stack.pop_all()
    except ConnectionClosed as closed:
        raise _ended(closed) from closed
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise Interrupted from error
    async with opened:
        if ready.get("type") != "ready":
            raise NoAnswer(
                _("Konstruct refused the chat: {reason}"), reason=ready.get("text") or ready
            )
        conversation = str(ready.get("conversation") or "")
        if conversation != memory.conversation:
            memory = ChatMemory(resume=memory.resume, conversation=conversation)
        agent = ready.get("agent")
        name = agent.get("displayName") or agent.get("name") if isinstance(agent, dict) else agent
        yield ChatSocket(socket, memory, str(name or ""))


async def _ticket(url: str, address: ChatAddress, memory: ChatMemory) -> Frame:
    body = {"resume": memory.resume} if memory.resume else {}
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client:
            answer = await client.post(f"{url.rstrip('/')}/chat/{address}/ticket", json=body)
            if answer.status_code in {401, 403} and body:  # a resume that is too old, or another's
                answer = await client.post(f"{url.rstrip('/')}/chat/{address}/ticket", json={})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(
            _(
                "Nobody answers at {url}. Start Konstruct with `make demo` or"
                " `konstruct up FOLDER`, or say with --url where it runs."
            ),
            url=url,
        ) from error
    match answer.status_code:
        case 200 | 201:
            ticket = answer.json()
            return ticket if isinstance(ticket, dict) else {}
        case 404:
            raise NoAnswer(
                _("At {url} there is no web chat called {address}."), url=url, address=address
            )
        case 401 | 403:
            raise NoAnswer(
                _(
                    "The connection {address} does not let visitors in."
                    " Write from the portal, or set spec.webChat.visitors to Allowed."
                ),
                address=address,
            )
        case 429:
            raise NoAnswer(_("Too many messages in a short time. Wait a minute and try again."))
        case 503:
            raise Interrupted
        case status:
            raise NoAnswer(
                _("{url} answered with status {status}. Is that Konstruct?"), url=url, status=status
            )


def _ended(closed: ConnectionClosed) -> Exception:
    code = closed.rcvd.code if closed.rcvd is not None else 0
    if code == _CLOSED_FOREIGN:
        return NotYours(_("That conversation belongs to another person. Begin one with --new."))
    reasons = {
        _CLOSED_NO_TICKET: _("Konstruct did not accept the ticket. Try again."),
        _CLOSED_TOO_FAST: _("Too many messages in a short time. Wait a minute and try again."),
    }
    return NoAnswer(reasons[code]) if code in reasons else Interrupted()
