"""Slack's outbound half: the only module that uses Slack's library."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from konstruct_channels.checks import Finding
from konstruct_channels.choosing import Click
from konstruct_channels.errors import (
    ChannelError,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
)
from konstruct_channels.fetching import Located
from konstruct_channels.inbound import Learnt
from konstruct_channels.knowing import Acquaintance
from konstruct_channels.live import Draft, DraftWriter, Place, Sign
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack import answers, checks, choosing, files, people
from konstruct_channels.slack.delivery import deliver
from konstruct_channels.slack.pace import Pace
from konstruct_channels.slack.refusals import Refusals
from konstruct_channels.slack.sharing import share
from konstruct_channels.slack.spec import Install, SlackConfig
from konstruct_channels.slack.status import SIGN_SECONDS, show_sign
from konstruct_channels.slack.writer import SlackDraft
from konstruct_messages.translations import choose_language, load_catalogues

_CALL_SECONDS = 8
_WHOLE_SECONDS = 20.0
_MOST_PROMPTS = 4
_OK = 200
# Slack takes JSON for most methods, and parameters only for those that read or upload.
_READING = ("bots.", "conversations.", "files.", "users.")


@asynccontextmanager
async def open_outbound(api_url: str) -> AsyncIterator["SlackOutbound"]:
    """Yield the outbound half, talking to the Web API at `api_url`."""
    async with aiohttp.ClientSession() as session:
        yield SlackOutbound(session, api_url if api_url.endswith("/") else f"{api_url}/")


class SlackOutbound:
    """Posts, streams and edits replies. It remembers how fast Slack lets it talk, and of what."""

    sign_seconds = SIGN_SECONDS

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api_url: str,
        *,
        pace: Pace | None = None,
        refusals: Refusals | None = None,
        call_seconds: int = _CALL_SECONDS,
    ) -> None:
        self._session = session
        self._api_url = api_url
        self._pace = pace or Pace()
        self._refusals = refusals or Refusals()
        self._call_seconds = call_seconds
        self._catalogues = load_catalogues("konstruct_channels")

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        """Post what is not there yet; return the `ts` of the last message, or the file's id."""
        translate = self._catalogues[choose_language(outgoing.language)].gettext
        call = self._caller(config, credentials)
        try:
            async with asyncio.timeout(_WHOLE_SECONDS + self._call_seconds):
                ends = asyncio.get_running_loop().time() + _WHOLE_SECONDS
                if outgoing.file is not None:
                    shared = await share(call, self._put, outgoing, outgoing.file, self._refusals)
                    if shared is not None:
                        return shared
                return await deliver(call, outgoing, self._refusals, translate, ends=ends)
        except TimeoutError as error:
            raise SendUnclear("it took too long", after_seconds=2.0) from error

    async def _put(self, url: str, data: bytes) -> None:
        try:
            async with self._session.post(url, data=data) as answer:
                await answer.read()
                if answer.status != _OK:
                    raise SendLater(f"the upload was answered {answer.status}", after_seconds=2.0)
        except (aiohttp.ClientError, ValueError, TimeoutError, OSError) as error:
            # Nobody sees a file before its upload is completed.
            reason = f"the upload broke off: {type(error).__name__}"
            raise SendLater(reason, after_seconds=2.0) from error

    def write(
        self, draft: Draft, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> DraftWriter:
        """Return a writer of the draft."""
        return SlackDraft(self._caller(config, credentials), draft, self._refusals)

    async def sign(
        self,
        place: Place,
        sign: Sign,
        words: str,
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
    ) -> None:
        """Show that somebody works on a conversation, or no longer."""
        try:
            call = self._caller(config, credentials)
        except CredentialsRefused:
            return
        await show_sign(call, self._refusals, place, sign, words)

    async def welcome(
        self, room: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Offer the connection's suggested prompts in the app's messages tab."""
        offered = SlackConfig.model_validate(config).suggested_prompts
        prompts = [{"title": one.title, "message": one.message} for one in offered]
        if prompts:
            method = "assistant.threads.setSuggestedPrompts"
            arguments = {"channel_id": room, "prompts": prompts[:_MOST_PROMPTS]}
            await self._caller(config, credentials)(method, arguments)

    async def settle_choice(
        self, click: Click, words: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Show `words` to everybody in the place of the question's buttons."""
        await choosing.settle(self._caller(config, credentials), click, words)

    async def whisper(
        self, click: Click, words: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Tell `words` to the person who clicked, and to nobody else."""
        await choosing.whisper(self._caller(config, credentials), click, words)

    async def check(self, *, config: Mapping[str, Any], credentials: Mapping[str, str]) -> Learnt:
        """Ask Slack whose token this is and what it may do."""
        try:
            answer = await self._caller(config, credentials).ask("auth.test", {})
        except SendRefused as refused:
            return answers.token_refused(str(refused))
        except ChannelError as error:
            return answers.not_reached(str(error))
        learnt = answers.token_tried(_data(answer), answer.headers, str(config.get("teamId", "")))
        if learnt.status == "True" and config.get("install") == Install.SHARED:
            return await self._prove(learnt, _data(answer), config, credentials)
        return learnt

    async def examine(
        self,
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
        webhook_url: str,  # noqa: ARG002 - Slack tells no app where its deliveries go
    ) -> list[Finding]:
        """Ask Slack about the token, the installation and what the app may do."""
        try:
            call = self._caller(config, credentials)
            answer = await call.ask("auth.test", {})
        except SendRefused as refused:
            return checks.refused(str(refused), config)
        except ChannelError as error:
            return checks.not_reached(str(error))
        bot: Mapping[str, Any] | None = None
        with contextlib.suppress(ChannelError):  # it needs users:read, which an app may lack
            bot = await call("bots.info", {"bot": _data(answer).get("bot_id", "")})
        return checks.taken(_data(answer), answer.headers, config, bot)

    async def _prove(
        self,
        learnt: Learnt,
        whose: Mapping[str, Any],
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
    ) -> Learnt:
        """Ask whose bot the token is: another app's in the same workspace proves nothing."""
        try:
            call = self._caller(config, credentials)
            answer = await call("bots.info", {"bot": whose.get("bot_id", "")})
        except SendRefused as refused:
            return answers.token_refused(str(refused))
        except ChannelError as error:
            return answers.not_reached(str(error))
        return answers.app_tried(answer, str(config.get("appId", "")), otherwise=learnt)

    async def locate(
        self, key: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Located:
        """Ask Slack where a file is."""
        call = self._caller(config, credentials)
        token = credentials.get("botToken", "")
        return await files.locate(call, key, token=token, api_url=self._api_url)

    async def who(
        self, person_key: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Acquaintance:
        """Ask Slack whether a person is a member, a guest or of another company."""
        arguments = {"user": person_key, "include_locale": True}
        answer = await self._caller(config, credentials)("users.info", arguments)
        return people.acquaintance(answer, str(config.get("teamId", "")))

    def _caller(self, config: Mapping[str, Any], credentials: Mapping[str, str]) -> "_Caller":
        token = credentials.get("botToken", "")
        if not token:
            raise CredentialsRefused("no_bot_token")
        # Without retry handlers: the library's own would post again after a lost connection.
        client = AsyncWebClient(
            token=token,
            base_url=self._api_url,
            timeout=self._call_seconds,
            session=self._session,
            retry_handlers=[],
        )
        return _Caller(client, self._pace, str(config.get("teamId", "")), config.get("appId", ""))


class _Caller:
    """Calls one workspace's methods at its pace, and says in our words what went wrong."""

    def __init__(self, client: AsyncWebClient, pace: Pace, team: str, app: str) -> None:
        self._client = client
        self._pace = pace
        self.team = team
        self.app = app

    async def __call__(
        self,
        method: str,
        arguments: Mapping[str, Any],
        *,
        channel: str = "",
        spare: float = 0.0,
        seconds: float | None = None,
    ) -> Mapping[str, Any]:
        answer = await self.ask(method, arguments, channel=channel, spare=spare, seconds=seconds)
        return _data(answer)

    async def ask(
        self,
        method: str,
        arguments: Mapping[str, Any],
        *,
        channel: str = "",
        spare: float = 0.0,
        seconds: float | None = None,
    ) -> AsyncSlackResponse:
        """Call a method and return the library's answer, with its headers."""
        held = self._pace.held_back(self.team, method)
        if held > 0:
            raise SendLater(
                f"{method} is held back by Slack",
                after_seconds=held,
                whole_connection=method == answers.POSTING,
            )
        if channel:
            await self._pace.take_turn(self.team, channel)
        wait = self._pace.spend(self.team, method, spare=spare)
        if wait > 0:
            raise SendLater(f"{method} is at its limit", after_seconds=wait)
        reading = method.startswith(_READING)
        try:
            async with asyncio.timeout(min(seconds or self._client.timeout, self._client.timeout)):
                if reading:
                    return await self._client.api_call(method, params=_parameters(arguments))
                return await self._client.api_call(method, json=dict(arguments))
        except SlackApiError as error:
            problem = answers.problem(error.response, method)
            if isinstance(problem, SendLater):
                self._pace.hold_back(self.team, method, problem.after_seconds)
            raise problem from error
        except aiohttp.ClientConnectorError as error:
            raise SendLater(
                "Slack cannot be reached", after_seconds=2.0, whole_connection=True
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SendUnclear(type(error).__name__, after_seconds=2.0) from error


def _parameters(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: int(value) if isinstance(value, bool) else value for name, value in arguments.items()
    }


def _data(answer: AsyncSlackResponse) -> Mapping[str, Any]:
    return answer.data if isinstance(answer.data, dict) else {}
