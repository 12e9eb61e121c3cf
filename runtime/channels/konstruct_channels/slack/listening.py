"""Slack's listening half: Socket Mode, a WebSocket that we open and Slack speaks over.

Slack's library opens the address; the socket is our own. The library's client keeps what came in
an unbounded queue, closes the old connection before it opens the next one, answers over whichever
is open, and tries a refused token for ever without a word.
Facts: https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pydantic_core
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from konstruct_channels.errors import ChannelError, CredentialsRefused, SendLater, SendRefused
from konstruct_channels.inbound import Learnt
from konstruct_channels.listening import Say, Take
from konstruct_channels.slack import answers, sockets
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.spec import EventTransport, SlackConfig

_CALL_SECONDS = 10
_HEARTBEAT_SECONDS = 15.0
_HELLO_SECONDS = 20.0
_MOST_AT_ONCE = 16
_LEAVING_SECONDS = 30.0
_ENDING_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 60.0
_DISABLED = "link_disabled"
_MANY = 7


@asynccontextmanager
async def open_listening(api_url: str) -> AsyncIterator["SlackListening"]:
    """Yield the listening half, which asks the Web API at `api_url` for its addresses."""
    async with aiohttp.ClientSession() as session:
        yield SlackListening(session, api_url if api_url.endswith("/") else f"{api_url}/")


class SlackListening:
    """Keeps sockets. `pause` returns how many seconds to wait after so many failures in a row."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_url: str,
        *,
        pause: Callable[[int], float] | None = None,
    ) -> None:
        self._session = session
        self._api_url = api_url
        self._pause = pause or _pause

    def wanted(self, config: Mapping[str, Any]) -> bool:
        """Tell whether the connection uses Socket Mode."""
        try:
            read_config = SlackConfig.model_validate(config)
        except ValueError:
            return False
        return read_config.transport is EventTransport.SOCKET_MODE

    async def listen(
        self,
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
        take: Take,
        say: Say,
    ) -> None:
        """Keep a socket open; the next is open before the last one is let go."""
        token = credentials.get("appToken", "")
        if not token:
            await say(sockets.NO_TOKEN)
            await asyncio.Event().wait()
        failures = 0
        async with contextlib.AsyncExitStack() as stack:
            lines = await stack.enter_async_context(_Lines.kept())
            while True:
                try:
                    line = await self._dial(token, take)
                except ChannelError as error:
                    failures += 1
                    await say(_told(error))
                    await asyncio.sleep(_after(error, self._pause(failures)))
                    continue
                lines.add(line)
                if await line.greeted():
                    failures = 0
                    await say(sockets.greeted(line.app, str(config.get("appId", ""))))
                    await line.left()
                else:
                    failures += 1
                    await say(sockets.not_open("no greeting"))
                if line.reason == _DISABLED:
                    await say(sockets.DISABLED)
                    failures = max(failures, _MANY)
                if failures:
                    await asyncio.sleep(self._pause(failures))

    async def _dial(self, token: str, take: Take) -> "_Line":
        """Ask for an address and open it. Raises ChannelError."""
        client = AsyncWebClient(
            base_url=self._api_url, timeout=_CALL_SECONDS, session=self._session, retry_handlers=[]
        )
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                answer = await client.apps_connections_open(app_token=token)
                url = text(mapping(answer.data), "url")
                socket = await self._session.ws_connect(url, heartbeat=_HEARTBEAT_SECONDS)
        except SlackApiError as error:
            raise answers.problem(error.response, "apps.connections.open") from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SendLater(type(error).__name__) from error
        return _Line(socket, take)


@dataclass
class _Line:
    """One open socket: it is read until it closes, and each envelope is answered over it."""

    socket: aiohttp.ClientWebSocketResponse
    take: Take
    reason: str = ""
    app: str = ""
    _hello: bool = False
    _greeted: asyncio.Event = field(default_factory=asyncio.Event)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _taking: set[asyncio.Task[None]] = field(default_factory=set)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_AT_ONCE))

    async def run(self) -> None:
        """Read until Slack closes, or too long after it said that it will."""
        try:
            while True:
                wait = _LEAVING_SECONDS if self._leaving.is_set() else None
                message = await self.socket.receive(timeout=wait)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                await self._hear(_json(message.data))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            structlog.get_logger(__name__).info("socket ended", error=type(error).__name__)
        finally:
            self._greeted.set()
            self._leaving.set()
            await self._end()

    async def _end(self) -> None:
        """Let what is under way end and be acknowledged, then close."""
        if self._taking:
            _, late = await asyncio.wait(self._taking, timeout=_ENDING_SECONDS)
            for task in late:
                task.cancel()
        await self.socket.close()

    async def greeted(self) -> bool:
        """Wait for Slack's greeting; False when it does not come."""
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                await self._greeted.wait()
        except TimeoutError:
            return False
        return self._hello

    async def left(self) -> None:
        """Wait until Slack wants to leave, or has left; `reason` is why, as far as it said."""
        await self._leaving.wait()

    async def _hear(self, envelope: Mapping[str, Any]) -> None:
        match text(envelope, "type"):
            case "hello":
                self._hello = True
                self.app = text(mapping(envelope.get("connection_info")), "app_id")
                self._greeted.set()
            case "disconnect":
                self.reason = text(envelope, "reason")
                self._leaving.set()
            case _ if text(envelope, "envelope_id"):
                # No more is read than can be worked on: Slack keeps the rest.
                await self._room.acquire()
                task = asyncio.create_task(self._answer(envelope))
                self._taking.add(task)
                task.add_done_callback(self._taking.discard)

    async def _answer(self, envelope: Mapping[str, Any]) -> None:
        """Acknowledge what was taken; of what was not, Slack sends another copy."""
        name = text(envelope, "envelope_id")
        try:
            await self.take(envelope)
            await self.socket.send_str(json.dumps({"envelope_id": name}))
        except (aiohttp.ClientError, OSError) as error:
            structlog.get_logger(__name__).info("not acknowledged", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - one envelope must not end the socket
            structlog.get_logger(__name__).warning("envelope not taken", exc_info=True)
        finally:
            self._room.release()


@dataclass
class _Lines:
    """The sockets of one connection: the newest, and those that are leaving."""

    _running: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def kept(cls) -> AsyncIterator["_Lines"]:
        """Yield them; on the way out all are closed, and what was under way has ended."""
        lines = cls()
        try:
            yield lines
        finally:
            for task in lines._running:
                task.cancel()
            await asyncio.gather(*lines._running, return_exceptions=True)

    def add(self, line: _Line) -> None:
        task = asyncio.create_task(line.run(), name="socket mode")
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _json(data: str) -> Mapping[str, Any]:
    try:
        return mapping(pydantic_core.from_json(data, allow_inf_nan=False))
    except (ValueError, TypeError):
        return {}


def _told(error: ChannelError) -> Learnt:
    if isinstance(error, CredentialsRefused):
        return sockets.token_refused(str(error))
    if isinstance(error, SendRefused):
        return sockets.refused(str(error))
    return sockets.not_open(str(error))


def _after(error: ChannelError, pause: float) -> float:
    """Return how long to wait: what is refused is not asked for often."""
    if isinstance(error, SendRefused):
        return max(pause, _LONGEST_PAUSE_SECONDS / 2)
    return max(pause, error.after_seconds) if isinstance(error, SendLater) else pause


def _pause(failures: int) -> float:
    longest = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(failures, 10))
    return random.uniform(longest / 2, longest)
