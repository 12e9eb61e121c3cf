"""Slack's inbound half: events and clicks over HTTP or a socket, for one app's installation. Pure.

Shapes: https://docs.slack.dev/apis/events-api and https://docs.slack.dev/interactivity
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pydantic_core

from konstruct_channels.inbound import (
    Addressed,
    Connection,
    Delivered,
    Handshake,
    Item,
    NotReady,
    Reading,
    Webhook,
)
from konstruct_channels.slack import conditions, events, installation, interactions, signing
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.installation import ABOUT_THE_INSTALLATION, Installation
from konstruct_channels.slack.spec import Install, SlackConfig
from konstruct_messages.inbound import Ignored

_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}", re.ASCII)
_MOST_FIELDS = 100
_MALFORMED = Delivered((Ignored(reason="malformed", known=False),))


def sign(body: bytes, credentials: Mapping[str, str], *, now: datetime) -> Mapping[str, str]:
    """Return the headers with which Slack vouches for `body`."""
    return signing.sign(body, credentials.get("signingSecret", ""), now=now)


def read(webhook: Webhook, connection: Connection, *, now: datetime) -> Reading:
    """Verify the raw bytes, then say what they hold. Never raises.

    A retry is read like any delivery, whatever its headers say: it may be the only copy.
    """
    opened = _open(webhook, connection.credentials, now=now)
    return _meant(opened, connection) if isinstance(opened, _Opened) else opened


def address(
    webhook: Webhook, credentials: Mapping[str, str], *, now: datetime
) -> Addressed | Reading:
    """Verify what came for the platform's own app; say whose installation it is about."""
    opened = _open(webhook, credentials, now=now)
    if not isinstance(opened, _Opened):
        return opened
    claims = opened.installation.claims
    if not claims:
        # Shortcuts and old buttons may not say which app was meant: nobody can be found.
        return Delivered((Ignored(reason="names_no_installation"),))
    event = text(mapping(opened.content.get("event")), "type") or opened.kind
    return Addressed(claims, about_itself=event in ABOUT_THE_INSTALLATION)


def claim(config: Mapping[str, Any]) -> str:
    """Return the installation of the shared app that a connection claims; empty: none."""
    try:
        read_config = SlackConfig.model_validate(config)
    except ValueError:
        return ""
    if read_config.install is not Install.SHARED:
        return ""
    return installation.claim_of(read_config.app_id, read_config.team_id)


def read_envelope(envelope: Mapping[str, Any], connection: Connection) -> Reading:
    """Say what an envelope of Socket Mode holds; the socket itself is the proof. Never raises.

    https://docs.slack.dev/apis/events-api/using-socket-mode
    """
    content = mapping(envelope.get("payload"))
    match text(envelope, "type"):
        case "events_api":
            opened = _Opened(text(content, "type"), content, installation.of_event(content))
        case "interactive":
            opened = _Opened("interaction", content, installation.of_interaction(content))
        case "slash_commands":
            return Delivered((Ignored(reason="slash_command"),))
        case _:
            return Delivered((Ignored(reason="unknown_envelope", known=False),))
    return _meant(opened, connection)


@dataclass(frozen=True)
class _Opened:
    """A genuine body, before it is known whether it is this connection's."""

    kind: str
    content: Mapping[str, Any]
    installation: Installation


def _open(
    webhook: Webhook, credentials: Mapping[str, str], *, now: datetime
) -> "_Opened | Reading":
    """Verify the bytes and see what kind they are; what is nobody's in particular is answered."""
    secret = credentials.get("signingSecret", "")
    if not secret:
        return _without_secret(webhook.body)
    forged = signing.verify(webhook.body, webhook.headers, secret, now=now)
    if forged is not None:
        return forged
    content = _json(webhook.body)
    if content is None:
        return _form(webhook.body)
    if text(content, "type") == "url_verification":
        return _challenge(content)
    return _Opened(text(content, "type"), content, installation.of_event(content))


def _without_secret(body: bytes) -> Reading:
    """Answer Slack's first question, which comes before anybody can enter the secret here."""
    content = _json(body)
    if content is not None and text(content, "type") == "url_verification":
        return _challenge(content)
    return NotReady("no_credentials")


def _challenge(content: Mapping[str, Any]) -> Reading:
    challenge = text(content, "challenge")
    return Handshake(challenge.encode()) if _CHALLENGE.fullmatch(challenge) else _MALFORMED


def _form(body: bytes) -> "_Opened | Reading":
    """Read what is no JSON object: interactivity, slash commands, Slack's own check."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return _MALFORMED
    names = dict(pairs)
    if names.get("ssl_check") == "1":
        return Handshake()
    if "payload" in names:
        payload = _json(names["payload"].encode("utf-8", "replace"))
        if payload is None:
            return _MALFORMED
        return _Opened("interaction", payload, installation.of_interaction(payload))
    if "command" in names:
        return _Opened("slash_command", {}, installation.of_command(names))
    return _MALFORMED


def _meant(opened: _Opened, connection: Connection) -> Reading:
    """Say what a genuine body holds for this connection."""
    try:
        config = SlackConfig.model_validate(connection.config)
    except ValueError:
        return NotReady("config")
    stranger = opened.installation.stranger(config)
    if stranger is not None:
        return Delivered((Ignored(reason=stranger),))
    return Delivered(_items(opened, config, connection.reply_when))


def _items(opened: _Opened, config: SlackConfig, reply_when: str) -> tuple[Item, ...]:
    match opened.kind:
        case "event_callback":
            return events.read(opened.content, config, reply_when)
        case "interaction":
            return interactions.read(opened.content)
        case "slash_command":
            return (Ignored(reason="slash_command"),)
        case "app_rate_limited":
            return Ignored(reason="app_rate_limited"), conditions.rate_limited()
        case _:
            return (Ignored(reason="unknown_type", known=False),)


def _json(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = pydantic_core.from_json(body, allow_inf_nan=False)
    except (ValueError, TypeError):
        return None
    return content if isinstance(content, dict) else None
