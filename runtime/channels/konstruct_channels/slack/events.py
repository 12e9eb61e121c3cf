"""What an `event_callback` of Slack means: for the agent, its conversations and the connection.

Facts: https://docs.slack.dev/reference/events. What the person looks at (`app_context_changed`) is
counted and not kept: a message says it anew in its own `app_context`, and what an agent is not
asked about is none of its business.
"""

import re
from collections.abc import Mapping
from typing import Any

from konstruct_channels.inbound import Item, Learnt, Opened, Stopped
from konstruct_channels.slack import conditions
from konstruct_channels.slack.fields import IDENTIFIER, TIMESTAMP, conversations, mapping, text
from konstruct_channels.slack.said import Said
from konstruct_channels.slack.spec import SlackConfig
from konstruct_messages.inbound import Ignored, Person

KNOWN_EVENTS = frozenset(
    {
        *("agent_session_title_changed", "app_context_changed", "app_home_opened"),
        *("assistant_thread_context_changed", "assistant_thread_started"),
        *("channel_archive", "channel_deleted", "channel_rename", "file_shared"),
        *("member_joined_channel", "member_left_channel", "reaction_added", "reaction_removed"),
        *("app_uninstalled", "team_access_granted", "team_access_revoked", "tokens_revoked"),
        *("tokens_of_people_revoked", "user_change"),
    }
)

_EVENT_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def read(content: Mapping[str, Any], config: SlackConfig, reply_when: str) -> tuple[Item, ...]:
    """Return what a genuine event of this connection's app says."""
    event = mapping(content.get("event"))
    event_id = text(content, "event_id")
    keys = (f"event/{event_id}",) if _EVENT_ID.fullmatch(event_id) else ()
    kind = text(event, "type")
    if kind in {"message", "app_mention"}:
        return (Said(content, event, config, keys, always=reply_when == "Always").read(),)
    if kind == "agent_session_stopped":
        return (_stopped(event, keys),)
    if kind == "app_home_opened" and text(event, "tab") == "messages":
        return (_opened(event, keys),)
    learnt = _learnt(kind, event, config)
    if learnt is not None:
        return _counted(kind, keys), learnt
    # Without a bot's token among them, people alone took theirs back.
    return (_counted("tokens_of_people_revoked" if kind == "tokens_revoked" else kind, keys),)


def _counted(kind: str, keys: tuple[str, ...]) -> Ignored:
    if kind in KNOWN_EVENTS:
        return Ignored(reason=kind, dedupe_keys=keys)
    reason = "unknown_event" if kind else "malformed"
    return Ignored(reason=reason, dedupe_keys=keys, known=False)


def _learnt(kind: str, event: Mapping[str, Any], config: SlackConfig) -> Learnt | None:
    """Return what the event says about the connection's own credentials."""
    match kind:
        case "app_uninstalled":
            return conditions.uninstalled(config)
        case "tokens_revoked":
            bots = mapping(event.get("tokens")).get("bot")
            return None if isinstance(bots, list) and not bots else conditions.revoked(config)
        case "team_access_revoked":
            teams = event.get("team_ids")
            mine = isinstance(teams, list) and config.team_id in teams
            return conditions.access_revoked() if mine else None
        case _:
            return None


def _stopped(event: Mapping[str, Any], keys: tuple[str, ...]) -> Item:
    """Read the Stop button: what streams is named too, and nothing need stream."""
    user, channel, thread = (text(event, key) for key in ("user", "channel", "thread_ts"))
    whole = IDENTIFIER.fullmatch(channel) and (not thread or TIMESTAMP.fullmatch(thread))
    if not whole or (user and not IDENTIFIER.fullmatch(user)):
        return Ignored(reason="malformed", dedupe_keys=keys, known=False)
    return Stopped(
        person=Person(key=user or "slack"),
        conversation_keys=conversations(channel, thread),
        delivery_keys=keys,
    )


def _opened(event: Mapping[str, Any], keys: tuple[str, ...]) -> Item:
    """Read the agent view's start: the person has the direct messages open."""
    user, channel = text(event, "user"), text(event, "channel")
    if not IDENTIFIER.fullmatch(user) or not IDENTIFIER.fullmatch(channel):
        return Ignored(reason="malformed", dedupe_keys=keys, known=False)
    return Opened(person=Person(key=user), room=channel, delivery_keys=keys)
