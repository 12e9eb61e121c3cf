"""The end of a draft: its message becomes the recorded reply, exactly.

An open stream refuses `chat.update` (`streaming_state_conflict`), so it is stopped first; a stream
that Slack ended by itself, or the person stopped, is rewritten all the same. Blocks keep the word
"edited" away.
https://docs.slack.dev/reference/methods/chat.stopStream
"""

from konstruct_channels.errors import SendRefused
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack.blocks import Block, text_blocks
from konstruct_channels.slack.calls import Call, whereabouts
from konstruct_channels.slack.posting import BLOCKS_REFUSED, mark

STREAM = "stream/"
"""What a draft's id begins with while its message may be an open stream."""

_GONE = frozenset({"message_not_found", "channel_not_found", "thread_not_found"})


def stamp_in(draft_id: str) -> str:
    """Return the `ts` in a draft's id."""
    return draft_id.removeprefix(STREAM)


async def finish(
    call: Call, outgoing: Outgoing, draft_id: str, text: str, *, alone: bool, buttons: list[Block]
) -> str:
    """Make the draft's message say `text`; return its `ts`, empty when it can no longer be used.

    `alone`: the reply is this one message. Repeating it changes nothing. Raises SendLater,
    SendUnclear, and SendRefused with one of BLOCKS_REFUSED when Slack does not take `buttons`.
    """
    channel, _ = whereabouts(outgoing.conversation_key)
    where = {"channel": channel, "ts": stamp_in(draft_id)}
    metadata = mark(outgoing.delivery_id, 0)
    if draft_id.startswith(STREAM):
        whole = alone and outgoing.shown
        last: dict[str, object] = {**where, "metadata": metadata}
        if whole and buttons:
            last["blocks"] = buttons
        stopped = await stop(call, last)
        if stopped and whole:
            return where["ts"]
    update = where | {
        "text": text,
        "blocks": [*text_blocks(text), *buttons],
        "metadata": metadata,
    }
    try:
        await call("chat.update", update)
    except SendRefused as refused:
        if str(refused) in BLOCKS_REFUSED:
            raise
        if str(refused) not in _GONE:
            await _remove(call, where)
        return ""
    return where["ts"]


async def stop(call: Call, arguments: dict[str, object]) -> bool:
    """Stop a stream; False when it is none any more. Raises as `finish`."""
    try:
        await call("chat.stopStream", arguments)
    except SendRefused as refused:
        if str(refused) in BLOCKS_REFUSED:
            raise
        return False
    return True


async def _remove(call: Call, where: dict[str, str]) -> None:
    """Take away what cannot be changed, so that the reply that is posted anew stands alone."""
    try:
        await call("chat.delete", where)
    except SendRefused:
        return
