"""What Slack's answers mean: pure.

Errors: https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from konstruct_channels import authenticated
from konstruct_channels.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
)
from konstruct_channels.inbound import Learnt
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.manifest import NEEDED_SCOPES, SHARING_SCOPE

_CREDENTIALS = frozenset(
    {
        *("access_denied", "account_inactive", "app_access_restricted", "ekm_access_denied"),
        *("enterprise_is_restricted", "invalid_auth", "missing_scope", "no_bot_token"),
        *("no_permission", "not_allowed_token_type", "not_authed", "org_login_required"),
        *("team_access_not_granted", "token_expired", "token_revoked"),
    }
)
_CONTENT = frozenset(
    {
        *("attachment_payload_limit_exceeded", "block_mismatch", "invalid_blocks"),
        *("invalid_blocks_format", "invalid_attachments", "markdown_text_conflict"),
        *("message_too_long", "msg_blocks_too_long", "msg_too_long", "no_text"),
        "too_many_attachments",
    }
)
_BUSY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_UNCLEAR = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_SERVER_ERROR = 500
_TOO_MANY = 429
POSTING = "chat.postMessage"
_DEFAULT_WAIT = 30.0
_LONGEST_WAIT = 3600.0


def problem(response: Any, method: str) -> ChannelError:
    """Return what an answer that is no success means. `response` is the library's or aiohttp's."""
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = mapping(getattr(response, "data", None))
    code = text(data, "error")
    if status == _TOO_MANY or code in _BUSY:
        return SendLater(
            f"{method}: rate limited",
            after_seconds=_retry_after(response),
            whole_connection=method == POSTING,
        )
    if code in _UNCLEAR or status >= _SERVER_ERROR or not code:
        # Slack says of its own errors that some of the work may have been done.
        return SendUnclear(f"{method}: {code or status}", after_seconds=2.0)
    if code in _CREDENTIALS:
        return CredentialsRefused(code)
    if code in _CONTENT:
        return ContentRefused(code)
    return SendRefused(code)


def _retry_after(response: Any) -> float:
    headers = getattr(response, "headers", None) or {}
    given = {str(name).lower(): value for name, value in headers.items()}.get("retry-after", "")
    try:
        return min(max(float(given), 0.5), _LONGEST_WAIT)
    except ValueError:
        return _DEFAULT_WAIT


@dataclass(frozen=True)
class Found:
    """What a conversation holds of a delivery: its pieces by number, with their `ts`.

    `draft` is the newest message of our app that carries no mark: a stream gets its mark at its
    end.
    """

    pieces: Mapping[int, str] = field(default_factory=dict)
    draft: str = ""

    def __or__(self, other: "Found") -> "Found":
        newest = max((self.draft, other.draft), key=lambda ts: float(ts or 0))
        return Found({**self.pieces, **other.pieces}, newest)


def found_in(data: Mapping[str, Any], event_type: str, delivery: str, app: str) -> Found:
    """Return what a page of messages holds of a delivery of the app `app`."""
    found = Found()
    messages = data.get("messages")
    for one in messages if isinstance(messages, list) else ():
        metadata = mapping(mapping(one).get("metadata"))
        payload = mapping(metadata.get("event_payload"))
        number = payload.get("piece")
        if metadata.get("event_type") == event_type:
            if payload.get("delivery") == delivery and isinstance(number, int):
                found |= Found({number: text(one, "ts")})
        elif app and app in {text(one, "app_id"), text(mapping(one.get("bot_profile")), "app_id")}:
            found |= Found(draft=text(one, "ts"))
    return found


def next_cursor(data: Mapping[str, Any]) -> str:
    """Return where the next page begins; empty at the end."""
    return text(mapping(data.get("response_metadata")), "next_cursor")


def token_tried(data: Mapping[str, Any], headers: Mapping[str, Any], team: str) -> Learnt:
    """Return what a token that Slack takes is worth to this connection."""
    if team not in {text(data, "team_id"), text(data, "enterprise_id")}:
        return authenticated.refused(
            "TokenOfAnotherWorkspace",
            f"The botToken is of the workspace {text(data, 'team_id') or 'unknown'}, and the"
            f" connection names {team}. Put the right token into the Secret, or correct"
            " spec.slack.teamId.",
        )
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    if "x-oauth-scopes" in lower:
        have = {one.strip() for one in lower["x-oauth-scopes"].split(",")}
        missing = [one for one in NEEDED_SCOPES if one not in have]
        if missing:
            return authenticated.refused(
                "ScopesMissing",
                f"The app lacks the scopes {', '.join(missing)}. Add them under OAuth &"
                " Permissions (or use the generated manifest) and install the app again.",
            )
        if SHARING_SCOPE not in have:
            return authenticated.accepted(
                f"Slack takes the bot token. The app lacks the scope {SHARING_SCOPE}, so people get"
                " the agent's files as links that work for a day. Add it under OAuth & Permissions"
                " (or use the generated manifest) and install the app again.",
                reason="FilesBecomeLinks",
            )
    return authenticated.accepted("Slack takes the bot token.")


def app_tried(data: Mapping[str, Any], app: str, *, otherwise: Learnt) -> Learnt:
    """Return the condition for a token that is of another app; `otherwise` where it is not."""
    theirs = text(mapping(data.get("bot")), "app_id")
    if theirs == app:
        return otherwise
    return authenticated.refused(
        "TokenOfAnotherApp",
        f"The botToken is of the app {theirs or 'unknown'}, and the connection names {app}, the"
        " platform's. Install the platform's app from the portal (Channels, Add to Slack).",
    )


def token_refused(code: str) -> Learnt:
    """Return the condition for a token that Slack does not take."""
    return authenticated.refused(
        "TokenRefused",
        f"Slack does not take the bot token ({code}). Install the app again (api.slack.com/apps,"
        " Install App) and put the Bot User OAuth Token into the Secret as botToken.",
    )


def not_reached(why: str) -> Learnt:
    """Return the condition while Slack cannot be asked."""
    return authenticated.not_known(
        "SlackNotReached",
        f"Slack could not be asked about the bot token ({why}); it is tried again.",
    )
