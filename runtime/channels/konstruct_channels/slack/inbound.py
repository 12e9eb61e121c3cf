"""Slack's inbound half: Events API over HTTP, for one app in one workspace. Pure.

Shapes: https://docs.slack.dev/apis/events-api
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pydantic_core

from konstruct_channels.inbound import (
    Connection,
    Delivered,
    Handshake,
    Learnt,
    NotReady,
    Reading,
    Webhook,
)
from konstruct_channels.slack import events, signing
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.spec import SlackConfig
from konstruct_messages.inbound import Ignored

_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}", re.ASCII)
_MOST_FIELDS = 100


def sign(body: bytes, credentials: Mapping[str, str], *, now: datetime) -> Mapping[str, str]:
    """Return the headers with which Slack vouches for `body`."""
    return signing.sign(body, credentials.get("signingSecret", ""), now=now)


def read(webhook: Webhook, connection: Connection, *, now: datetime) -> Reading:
    """Verify the raw bytes, then say what they hold. Never raises.

    A retry is read like any delivery, whatever its headers say: it may be the only copy.
    """
    secret = connection.credentials.get("signingSecret", "")
    if not secret:
        return _without_secret(webhook.body)
    forged = signing.verify(webhook.body, webhook.headers, secret, now=now)
    if forged is not None:
        return forged
    content = _json(webhook.body)
    if content is None:
        return _form(webhook.body)
    return _content(content, connection)


def _without_secret(body: bytes) -> Reading:
    """Answer Slack's first question, which comes before anybody can enter the secret here."""
    content = _json(body)
    if content is not None and text(content, "type") == "url_verification":
        return _challenge(content)
    return NotReady("no_credentials")


def _content(content: Mapping[str, Any], connection: Connection) -> Reading:
    kind = text(content, "type")
    if kind == "url_verification":
        return _challenge(content)
    try:
        config = SlackConfig.model_validate(connection.config)
    except ValueError:
        return NotReady("config")
    stranger = _stranger(content, config)
    if stranger is not None:
        return Delivered((Ignored(reason=stranger),))
    if kind == "event_callback":
        return Delivered(events.read(content, config, connection.reply_when))
    if kind == "app_rate_limited":
        return Delivered((Ignored(reason="app_rate_limited"), _rate_limited()))
    return Delivered((Ignored(reason="unknown_type", known=False),))


def _challenge(content: Mapping[str, Any]) -> Reading:
    challenge = text(content, "challenge")
    if not _CHALLENGE.fullmatch(challenge):
        return Delivered((Ignored(reason="malformed", known=False),))
    return Handshake(challenge.encode())


def _form(body: bytes) -> Reading:
    """Read what is no JSON object: interactivity, slash commands, Slack's own check."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return Delivered((Ignored(reason="malformed", known=False),))
    names = dict(pairs)
    if names.get("ssl_check") == "1":
        return Handshake()
    if "payload" in names:
        return Delivered((Ignored(reason="interaction"),))
    if "command" in names:
        return Delivered((Ignored(reason="slash_command"),))
    return Delivered((Ignored(reason="malformed", known=False),))


def _json(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = pydantic_core.from_json(body, allow_inf_nan=False)
    except (ValueError, TypeError):
        return None
    return content if isinstance(content, dict) else None


def _stranger(content: Mapping[str, Any], config: SlackConfig) -> str | None:
    """Return why a genuine body is not this connection's.

    Whose installation an event belongs to is said by `authorizations[0]`; the team at the top is
    that of whoever wrote, which in a shared channel is another company's.
    """
    app = text(content, "api_app_id")
    if app and app != config.app_id:
        return "another_app"
    authorizations = content.get("authorizations")
    first = authorizations[0] if isinstance(authorizations, list) and authorizations else None
    where = mapping(first) if first is not None else content
    teams = {text(where, "team_id"), text(where, "enterprise_id")} - {""}
    if teams and config.team_id not in teams:
        return "another_team"
    if first is not None and text(where, "team_id") not in {"", config.team_id}:
        # The organisation fits and the workspace does not: ours only if the organisation
        # installed the app.
        org_wide = where.get("is_enterprise_install") is True
        return None if org_wide and config.team_id.startswith("E") else "another_team"
    return None


def _rate_limited() -> Learnt:
    return Learnt(
        condition="Receiving",
        status="False",
        reason="SlackLimitsEvents",
        message="Slack holds events back because this app got more than 30,000 in an hour."
        " Subscribe to fewer events or leave busy channels; it ends by itself.",
    )
