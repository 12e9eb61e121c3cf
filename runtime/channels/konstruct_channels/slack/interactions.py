"""Clicks: the `payload` of Slack's interactivity. Pure.

Ours are two kinds of buttons: feedback on a reply (`konstruct_feedback`, value `TURN:up` or
`TURN:down`) and the answers of an ask (`konstruct_choice_N`, value `ASK:CHOICE`).
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

import re
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from konstruct_channels.choosing import Click
from konstruct_channels.inbound import Chosen, Item, Judged
from konstruct_channels.slack.blocks import MOST_BLOCKS
from konstruct_channels.slack.fields import IDENTIFIER, TIMESTAMP, conversations, mapping, text
from konstruct_messages.inbound import Ignored, Person

FEEDBACK_ACTION = "konstruct_feedback"
CHOICE_ACTION = "konstruct_choice_"

_CHOICE = re.compile(rf"{CHOICE_ACTION}[0-9]{{1,3}}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_LONGEST_CHOICE = 64
_MOST_ACTIONS = 25
_KNOWN = frozenset(
    {
        *("block_suggestion", "dialog_cancellation", "dialog_submission", "dialog_suggestion"),
        *("interactive_message", "message_action", "shortcut", "view_closed", "view_submission"),
        *("workflow_step_edit", "function_executed"),
    }
)


def read(payload: Mapping[str, Any]) -> tuple[Item, ...]:
    """Return what a genuine interaction with this connection's app says."""
    kind = text(payload, "type")
    if kind != "block_actions":
        known = kind in _KNOWN
        return (Ignored(reason=kind if known else "unknown_interaction", known=known),)
    actions = payload.get("actions")
    if not isinstance(actions, list) or not actions:
        return (Ignored(reason="malformed", known=False),)
    return tuple(_action(payload, mapping(one)) for one in actions[:_MOST_ACTIONS])


def _action(payload: Mapping[str, Any], action: Mapping[str, Any]) -> Item:
    name, value = text(action, "action_id"), text(action, "value")
    person, places = _person(payload), _places(payload)
    named, _, rest = value.partition(":")
    about = _uuid(named)
    keys = _keys(action, person)
    if name != FEEDBACK_ACTION and not _CHOICE.fullmatch(name):
        # Links and other apps' ways of clicking need no answer.
        known = text(action, "type") in {"button", "overflow", "workflow_button"}
        return Ignored(reason="unknown_action", dedupe_keys=keys, known=known)
    if person is None or about is None or not places:
        return Ignored(reason="malformed", dedupe_keys=keys, known=False)
    if name == FEEDBACK_ACTION:
        opinion = _opinion(rest)
        if opinion is None:
            return Ignored(reason="malformed", dedupe_keys=keys, known=False)
        return Judged(person, places, about, opinion, delivery_keys=keys)
    if not 0 < len(rest) <= _LONGEST_CHOICE or "\x00" in rest:
        return Ignored(reason="malformed", dedupe_keys=keys, known=False)
    return Chosen(
        person, places, about, rest, delivery_keys=keys, click=_click(payload, person.key)
    )


def _opinion(value: str) -> Literal["up", "down"] | None:
    match value:
        case "up" | "down":
            return value
        case _:
            return None


def _person(payload: Mapping[str, Any]) -> Person | None:
    user = mapping(payload.get("user"))
    key = text(user, "id")
    return Person(key=key) if IDENTIFIER.fullmatch(key) else None


def _places(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the conversations that the click may belong to; none for what is in no channel.

    A click on what only one person sees has no `message`; its container still names the place.
    """
    container, message = mapping(payload.get("container")), mapping(payload.get("message"))
    channel = text(mapping(payload.get("channel")), "id") or text(container, "channel_id")
    thread = text(message, "thread_ts") or text(container, "thread_ts")
    if not IDENTIFIER.fullmatch(channel) or (thread and not TIMESTAMP.fullmatch(thread)):
        return ()
    return conversations(channel, thread)


def _click(payload: Mapping[str, Any], person_key: str) -> Click | None:
    """Return where it was clicked; None for what only one person sees."""
    message = mapping(payload.get("message"))
    stamp, blocks = text(message, "ts"), message.get("blocks")
    if not TIMESTAMP.fullmatch(stamp):
        return None
    given = blocks if isinstance(blocks, list) and len(blocks) <= MOST_BLOCKS else ()
    return Click(
        person_key=person_key,
        room=text(mapping(payload.get("channel")), "id")
        or text(mapping(payload.get("container")), "channel_id"),
        thread=text(message, "thread_ts"),
        message_id=stamp,
        text=text(message, "text"),
        blocks=tuple(mapping(one) for one in given),
    )


def _keys(action: Mapping[str, Any], person: Person | None) -> tuple[str, ...]:
    at, name = text(action, "action_ts"), text(action, "action_id")
    key = f"action/{person.key if person else ''}/{at}/{name}"
    return (key,) if at and _KEY.fullmatch(key) else ()


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None
