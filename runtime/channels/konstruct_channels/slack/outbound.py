"""Slack's outbound half: the only module that uses Slack's library.

Each message carries our delivery's id as metadata, by which Slack is asked after a lost answer.
Facts: https://docs.slack.dev/reference/methods/chat.postMessage
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from konstruct_channels.errors import (
    ChannelError,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    SendUnknown,
)
from konstruct_channels.inbound import Learnt
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack import answers
from konstruct_channels.slack.format import render
from konstruct_channels.slack.pace import Pace
from konstruct_channels.slack.spec import SPEC

EVENT_TYPE = "konstruct_delivery"
_CALL_SECONDS = 8
_WHOLE_SECONDS = 20.0
_ASK_PAGES = 10
_ASK_PAGE = 100
_CLOCK_DIFFERENCE = timedelta(minutes=5)
_MOST_ATTEMPTS = 40


@asynccontextmanager
async def open_outbound(api_url: str) -> AsyncIterator["SlackOutbound"]:
    """Yield the outbound half, talking to the Web API at `api_url`."""
    async with aiohttp.ClientSession() as session:
        yield SlackOutbound(session, api_url if api_url.endswith("/") else f"{api_url}/")


class SlackOutbound:
    """Posts replies. It remembers only how fast Slack lets it talk."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_url: str,
        *,
        pace: Pace | None = None,
        call_seconds: int = _CALL_SECONDS,
    ) -> None:
        self._session = session
        self._api_url = api_url
        self._pace = pace or Pace()
        self._call_seconds = call_seconds

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        """Post what is not there yet; return the `ts` of the last message."""
        try:
            async with asyncio.timeout(_WHOLE_SECONDS + self._call_seconds):
                return await self._send(outgoing, config, credentials)
        except TimeoutError as error:
            raise SendUnclear("it took too long", after_seconds=2.0) from error

    async def _send(
        self, outgoing: Outgoing, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        team = str(config.get("teamId", ""))
        call = _Caller(self._client(credentials), self._pace, team)
        pieces = render(outgoing.text, limit=SPEC.limits.outbound_text_characters)
        if not pieces:
            raise SendRefused("the reply is blank")
        there: dict[int, str] = {}
        if outgoing.in_doubt:
            there = await _ask(call, outgoing)
        ends = asyncio.get_running_loop().time() + _WHOLE_SECONDS
        for number, piece in enumerate(pieces):
            if number in there:
                continue
            try:
                _require_time(ends)
                there[number] = await _post(call, outgoing, piece, number)
            except SendLater as later:
                if there:
                    # Slack has the beginning: the next attempt must see that.
                    raise SendUnclear(str(later), after_seconds=later.after_seconds) from later
                raise
        return there[len(pieces) - 1]

    async def check(self, *, config: Mapping[str, Any], credentials: Mapping[str, str]) -> Learnt:
        """Ask Slack whose token this is and what it may do."""
        try:
            call = _Caller(self._client(credentials), self._pace, str(config.get("teamId", "")))
            answer = await call("auth.test", {})
        except SendRefused as refused:
            return answers.token_refused(str(refused))
        except ChannelError as error:
            return answers.not_reached(str(error))
        return answers.token_tried(_data(answer), answer.headers, str(config.get("teamId", "")))

    def _client(self, credentials: Mapping[str, str]) -> AsyncWebClient:
        token = credentials.get("botToken", "")
        if not token:
            raise CredentialsRefused("no_bot_token")
        # Without retry handlers: the library's own would post again after a lost connection.
        return AsyncWebClient(
            token=token,
            base_url=self._api_url,
            timeout=self._call_seconds,
            session=self._session,
            retry_handlers=[],
        )


class _Caller:
    """Calls one workspace's methods at its pace, and says in our words what went wrong."""

    def __init__(self, client: AsyncWebClient, pace: Pace, team: str) -> None:
        self._client = client
        self._pace = pace
        self._team = team
        # The library's own methods: Slack takes JSON for some and parameters only for others.
        self._methods: Mapping[str, Callable[..., Awaitable[AsyncSlackResponse]]] = {
            "auth.test": client.auth_test,
            "chat.postMessage": client.chat_postMessage,
            "conversations.history": client.conversations_history,
            "conversations.replies": client.conversations_replies,
        }

    async def __call__(
        self, method: str, arguments: Mapping[str, Any], *, channel: str = ""
    ) -> AsyncSlackResponse:
        held = self._pace.held_back(self._team, method)
        if held > 0:
            raise SendLater(f"{method} is held back by Slack", after_seconds=held)
        if channel:
            await self._pace.take_turn(self._team, channel)
        try:
            async with asyncio.timeout(self._client.timeout):
                return await self._methods[method](**arguments)
        except SlackApiError as error:
            problem = answers.problem(error.response, method)
            if isinstance(problem, SendLater):
                self._pace.hold_back(self._team, method, problem.after_seconds)
            raise problem from error
        except aiohttp.ClientConnectorError as error:
            raise SendLater("Slack cannot be reached", after_seconds=2.0) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SendUnclear(type(error).__name__, after_seconds=2.0) from error


def _require_time(ends: float) -> None:
    if asyncio.get_running_loop().time() > ends:
        raise SendLater("the rest of a long reply follows", after_seconds=0.1)


async def _post(call: _Caller, outgoing: Outgoing, piece: str, number: int) -> str:
    channel, _, thread = outgoing.conversation_key.partition(":")
    arguments: dict[str, Any] = {
        "channel": channel,
        "text": piece,
        "mrkdwn": True,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": EVENT_TYPE,
            "event_payload": {"delivery": str(outgoing.delivery_id), "piece": number},
        },
    }
    if thread:
        arguments["thread_ts"] = thread
    if outgoing.agent_name:
        arguments["username"] = outgoing.agent_name
    avatar = outgoing.avatar or {}
    if avatar.get("url"):
        arguments["icon_url"] = avatar["url"]
    try:
        answer = await call("chat.postMessage", arguments, channel=channel)
    except SendUnclear as unclear:
        if outgoing.attempt >= _MOST_ATTEMPTS:
            raise SendUnknown(str(unclear)) from unclear
        raise
    stamp = _data(answer).get("ts")
    return stamp if isinstance(stamp, str) else ""


async def _ask(call: _Caller, outgoing: Outgoing) -> dict[int, str]:
    """Return which pieces of the delivery Slack has already, by number, with their `ts`."""
    channel, _, thread = outgoing.conversation_key.partition(":")
    method = "conversations.replies" if thread else "conversations.history"
    arguments: dict[str, Any] = {
        "channel": channel,
        "limit": _ASK_PAGE,
        "include_all_metadata": True,
    }
    if thread:
        arguments["ts"] = thread
    if outgoing.queued_at is not None:
        arguments["oldest"] = f"{(outgoing.queued_at - _CLOCK_DIFFERENCE).timestamp():.6f}"
    found: dict[int, str] = {}
    for _ in range(_ASK_PAGES):
        data = await _page(call, method, arguments, attempt=outgoing.attempt)
        found |= answers.pieces_of(data, EVENT_TYPE, str(outgoing.delivery_id))
        cursor = answers.next_cursor(data)
        if not cursor:
            break
        arguments["cursor"] = cursor
    return found


async def _page(
    call: _Caller, method: str, arguments: Mapping[str, Any], *, attempt: int
) -> Mapping[str, Any]:
    try:
        return _data(await call(method, arguments))
    except SendRefused as refused:
        raise SendUnknown(f"Slack cannot be asked: {refused}") from refused
    except (SendLater, SendUnclear) as busy:
        if attempt >= _MOST_ATTEMPTS:
            raise SendUnknown(f"Slack could not be asked: {busy}") from busy
        raise SendUnclear(str(busy), after_seconds=busy.after_seconds) from busy


def _data(answer: AsyncSlackResponse) -> Mapping[str, Any]:
    return answer.data if isinstance(answer.data, dict) else {}
