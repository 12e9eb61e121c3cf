"""Signs of work: an agent session's state, and words beside the thread.

https://docs.slack.dev/ai/agent-sessions and
https://docs.slack.dev/reference/methods/assistant.threads.setStatus
"""

import asyncio
from typing import Any

from konstruct_channels.errors import SendLater, SendRefused, SendUnclear
from konstruct_channels.live import Place, Sign
from konstruct_channels.slack.calls import Call, face, whereabouts
from konstruct_channels.slack.refusals import Refusals
from konstruct_channels.slack.stream import safe

SIGN_SECONDS = 120.0
"""Slack takes the words away after two minutes without a message."""

_SESSION = "agents.sessions.setStatus"
_WORDS = "assistant.threads.setStatus"
_LONGEST_WORDS = 100
_SPARE = 0.5
_MOST_TRIES = 3
_LONGEST_PAUSE = 20.0
_STATES = {Sign.WORKING: "processing", Sign.IDLE: "active"}


async def show_sign(call: Call, refusals: Refusals, place: Place, sign: Sign, words: str) -> None:
    """Show `sign` in the thread that is answered; what Slack refuses is not asked again soon."""
    channel, thread = whereabouts(place.conversation_key)
    thread = thread or place.message_key
    if not thread:
        return
    where = {"channel_id": channel, "thread_ts": thread}
    session = where | {"status": _STATES[sign]}
    if sign is Sign.WORKING and place.person_key:
        session |= {"initiator_user_id": place.person_key}
    await _try(call, refusals, _SESSION, session, last=sign is Sign.IDLE)
    said = safe(words)[:_LONGEST_WORDS] if sign is Sign.WORKING else ""
    shown: dict[str, Any] = where | {"status": said}
    if said:
        shown |= face(place.agent_name, place.avatar)
    await _try(call, refusals, _WORDS, shown, last=sign is Sign.IDLE)


async def _try(
    call: Call, refusals: Refusals, method: str, arguments: dict[str, Any], *, last: bool
) -> None:
    """Call it once; the `last` sign is tried again, since nothing takes a session back but us."""
    for attempt in range(_MOST_TRIES if last else 1):
        if refusals.holds(call.team, method):
            return
        try:
            await call(method, arguments, spare=0.0 if last else _SPARE)
        except SendRefused:
            refusals.note(call.team, method)
        except (SendLater, SendUnclear) as busy:
            if attempt < _MOST_TRIES - 1 and last:
                await asyncio.sleep(min(busy.after_seconds, _LONGEST_PAUSE))
        else:
            return
