"""Installing the platform's shared app into a workspace, by Slack's OAuth (version 2).

With `outbound`, the only module that uses Slack's library.
https://docs.slack.dev/authentication/installing-with-oauth
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from konstruct_channels.errors import ChannelError
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.manifest import ASKED_SCOPES
from konstruct_channels.slack.spec import SPEC

_CALL_SECONDS = 10
_API = "api/"


class Fault(StrEnum):
    """Who has to do something about an installation that failed."""

    CODE = "Code"
    """Begin again: the code was used, is too old, or was never one."""
    PLATFORM = "Platform"
    """Whoever runs the platform: its app, its secret or its address is wrong at Slack."""
    WORKSPACE = "Workspace"
    """Whoever runs the workspace or its organisation."""
    UNREACHED = "Unreached"
    """Nobody: try again."""


_FAULTS: Mapping[str, Fault] = {
    "invalid_code": Fault.CODE,
    "code_already_used": Fault.CODE,
    "code_expired": Fault.CODE,
    "bad_client_secret": Fault.PLATFORM,
    "bad_redirect_uri": Fault.PLATFORM,
    "invalid_client_id": Fault.PLATFORM,
    "invalid_grant_type": Fault.PLATFORM,
    "no_scopes": Fault.PLATFORM,
    "oauth_authorization_url_mismatch": Fault.PLATFORM,
    "preview_feature_not_available": Fault.PLATFORM,
    "access_denied": Fault.WORKSPACE,
    "cannot_install_an_org_installed_app": Fault.WORKSPACE,
    "enterprise_is_restricted": Fault.WORKSPACE,
    "org_login_required": Fault.WORKSPACE,
    "team_added_to_org": Fault.WORKSPACE,
}


_BUSY = frozenset(
    {"fatal_error", "internal_error", "no_answer", "ratelimited", "service_unavailable"}
)
_LONGEST_CODE = 64


class InstallRefused(ChannelError):
    """An installation came to nothing. `code` is Slack's own word for it."""

    def __init__(self, fault: Fault, code: str) -> None:
        super().__init__(f"{fault}: {code}")
        self.fault = fault
        self.code = code

    @classmethod
    def from_code(cls, code: str) -> "InstallRefused":
        """Return what one of Slack's words for a failure means."""
        known = code if code.replace("_", "").isalnum() and len(code) < _LONGEST_CODE else "unknown"
        if known in _BUSY:
            return cls(Fault.UNREACHED, known)
        return cls(_FAULTS.get(known, Fault.WORKSPACE), known)


@dataclass(frozen=True)
class SharedApp:
    """The platform's app at Slack. `app_id` may be empty: then any app of these keys is taken."""

    client_id: str
    client_secret: str = field(repr=False)
    app_id: str = ""
    api_url: str = SPEC.api_url


@dataclass(frozen=True)
class Installed:
    """An installation. `team_id` is the organisation's (E...) where it is for a whole one."""

    app_id: str
    team_id: str
    name: str
    bot_token: str = field(repr=False)
    org_wide: bool = False


def authorize_url(app: SharedApp, *, redirect_uri: str, state: str, team_id: str = "") -> str:
    """Return the address at Slack where a person allows the app; `team_id` is only proposed."""
    asked = {
        "client_id": app.client_id,
        "scope": ",".join(ASKED_SCOPES),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if team_id.startswith("T"):
        asked["team"] = team_id
    base = app.api_url.removesuffix("/").removesuffix(_API.rstrip("/"))
    return f"{base}oauth/v2/authorize?{urlencode(asked)}"


async def exchange(app: SharedApp, *, code: str, redirect_uri: str) -> Installed:
    """Return the installation that a code stands for. Raises InstallRefused.

    Slack takes a code once, within ten minutes, with the redirect URI that it was given for.
    """
    asked = {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": code,
        "redirect_uri": redirect_uri,
    }
    client = AsyncWebClient(base_url=app.api_url, timeout=_CALL_SECONDS, retry_handlers=[])
    try:
        async with asyncio.timeout(_CALL_SECONDS):
            # Not the library's own method: it sends the secret by a way of aiohttp's that ends.
            answer = await client.api_call("oauth.v2.access", data=asked)
    except SlackApiError as error:
        raise _refused(mapping(getattr(error.response, "data", None))) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise InstallRefused(Fault.UNREACHED, type(error).__name__) from error
    return installed_of(app, mapping(answer.data))


def installed_of(app: SharedApp, content: Mapping[str, object]) -> Installed:
    """Return the installation that Slack's answer names. Raises InstallRefused."""
    org_wide = content.get("is_enterprise_install") is True
    place = mapping(content.get("enterprise" if org_wide else "team"))
    made = Installed(
        app_id=text(content, "app_id"),
        team_id=text(place, "id"),
        name=text(place, "name"),
        bot_token=text(content, "access_token"),
        org_wide=org_wide,
    )
    if text(content, "token_type") != "bot" or not (made.bot_token and made.team_id):
        raise InstallRefused(Fault.PLATFORM, "no_bot_token")
    if not made.app_id or made.app_id != (app.app_id or made.app_id):
        raise InstallRefused(Fault.PLATFORM, "another_app")
    if "refresh_token" in content:
        # Such a token ends after twelve hours, and nobody here would renew it.
        raise InstallRefused(Fault.PLATFORM, "token_rotation_is_on")
    return made


def _refused(content: Mapping[str, object]) -> InstallRefused:
    return InstallRefused.from_code(text(content, "error") or "no_answer")
