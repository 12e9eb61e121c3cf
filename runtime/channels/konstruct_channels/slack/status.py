"""Signs of work: an agent session's state, and words beside the thread.

https://docs.slack.dev/ai/agent-sessions and
https://docs.slack.dev/reference/methods/assistant.threads.setStatus
"""

from typing import Any

from konstruct_channels.errors import ChannelError, SendRefused
from konstruct_channels.live import Place, Sign
from konstruct_channels.slack.calls import Call, face, whereabouts
from konstruct_channels.slack.refusals import Refusals
from konstruct_channels.slack.stream import safe

SIGN_SECONDS = 120.0
"""Slack takes the words away after two minutes without a message."""

_SESSION = "agents.sessions.setStatus"
_WORDS = "assistant.threads.setStatus"
_LONGEST_WORDS = 100
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
    await _try(call, refusals, _SESSION, session)
    said = safe(words)[:_LONGEST_WORDS] if sign is Sign.WORKING else ""
    shown: dict[str, Any] = where | {"status": said}
    if said:
        shown |= face(place.agent_name, place.avatar)
    await _try(call, refusals, _WORDS, shown)


async def _try(call: Call, refusals: Refusals, method: str, arguments: dict[str, Any]) -> None:
    if refusals.holds(call.team, method):
        return
    try:
        await call(method, arguments)
    except SendRefused:
        refusals.note(call.team, method)
    except ChannelError:
        return
