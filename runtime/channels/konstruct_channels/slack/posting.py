"""A reply as messages: what is posted, and what Slack has of it already.

Each message carries our delivery's id as metadata, by which Slack is asked after a lost answer.
Facts: https://docs.slack.dev/reference/methods/chat.postMessage
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from konstruct_channels.errors import (
    SendLater,
    SendRefused,
    SendUnclear,
    SendUnknown,
    VendorNotAsked,
)
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack import answers
from konstruct_channels.slack.blocks import Block, text_blocks
from konstruct_channels.slack.calls import Call, face, whereabouts

EVENT_TYPE = "konstruct_delivery"
MOST_ATTEMPTS = 160
"""More than the sender makes in its day: it gives up by the clock."""

BLOCKS_REFUSED = frozenset({"block_mismatch", "invalid_blocks", "invalid_blocks_format"})

_ASK_PAGES = 10
_ASK_PAGE = 100
_CLOCK_DIFFERENCE = timedelta(minutes=5)


def mark(delivery_id: UUID, number: int) -> dict[str, Any]:
    """Return the metadata of a delivery's message."""
    payload = {"delivery": str(delivery_id), "piece": number}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def message(conversation_key: str, text: str, *, buttons: list[Block]) -> dict[str, Any]:
    """Return the arguments of a message that says `text`, which pings nobody."""
    channel, thread = whereabouts(conversation_key)
    return {
        "channel": channel,
        "text": text,
        "mrkdwn": True,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        **({"thread_ts": thread} if thread else {}),
        **({"blocks": [*text_blocks(text), *buttons]} if buttons else {}),
    }


async def post(
    call: Call, outgoing: Outgoing, text: str, number: int, *, buttons: list[Block]
) -> str:
    """Post one piece of a delivery; return its `ts`.

    Raises SendRefused, SendLater, SendUnclear, and SendUnknown after many unclear attempts.
    """
    arguments = message(outgoing.conversation_key, text, buttons=buttons)
    arguments |= face(outgoing.agent_name, outgoing.avatar)
    arguments["metadata"] = mark(outgoing.delivery_id, number)
    try:
        answer = await call("chat.postMessage", arguments, channel=arguments["channel"])
    except SendUnclear as unclear:
        if outgoing.attempt >= MOST_ATTEMPTS:
            raise SendUnknown(str(unclear)) from unclear
        raise
    return stamp_of(answer)


async def ask(
    call: Call, conversation_key: str, delivery_id: UUID, since: datetime | None
) -> answers.Found:
    """Return what Slack has of a delivery in its conversation. Raises ChannelError."""
    channel, thread = whereabouts(conversation_key)
    method = "conversations.replies" if thread else "conversations.history"
    arguments: dict[str, Any] = {
        "channel": channel,
        "limit": _ASK_PAGE,
        "include_all_metadata": True,
    }
    if thread:
        arguments["ts"] = thread
    if since is not None:
        arguments["oldest"] = f"{(since - _CLOCK_DIFFERENCE).timestamp():.6f}"
    found = answers.Found()
    for _ in range(_ASK_PAGES):
        data = await call(method, arguments)
        found |= answers.found_in(data, EVENT_TYPE, str(delivery_id), call.app)
        cursor = answers.next_cursor(data)
        if not cursor:
            break
        arguments["cursor"] = cursor
    return found


async def ask_about(call: Call, outgoing: Outgoing) -> answers.Found:
    """Return what Slack has of an earlier attempt.

    Raises SendUnclear, and VendorNotAsked when Slack cannot be asked, now or at all.
    """
    try:
        return await ask(call, outgoing.conversation_key, outgoing.delivery_id, outgoing.queued_at)
    except SendRefused as refused:
        raise VendorNotAsked(f"Slack cannot be asked: {refused}") from refused
    except (SendLater, SendUnclear) as busy:
        if outgoing.attempt >= MOST_ATTEMPTS:
            raise VendorNotAsked(f"Slack could not be asked: {busy}") from busy
        raise SendUnclear(str(busy), after_seconds=busy.after_seconds) from busy


def stamp_of(answer: Mapping[str, Any]) -> str:
    """Return the `ts` of a message that a call made; empty where Slack named none."""
    stamp = answer.get("ts")
    return stamp if isinstance(stamp, str) else ""
