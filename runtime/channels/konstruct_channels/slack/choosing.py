"""A question whose buttons are taken away, and a word that only one person sees.

https://docs.slack.dev/reference/methods/chat.update (metadata that is not given is kept) and
https://docs.slack.dev/reference/methods/chat.postEphemeral
"""

from collections.abc import Mapping
from typing import Any

from konstruct_channels.choosing import Click
from konstruct_channels.slack.blocks import CHOICE_ACTION
from konstruct_channels.slack.calls import Call
from konstruct_channels.slack.fields import mapping, text


async def settle(call: Call, click: Click, words: str) -> None:
    """Show `words` in the place of the question's buttons; nothing where there are none."""
    left = [dict(one) for one in click.blocks if not _offers(one)]
    if len(left) == len(click.blocks):
        return
    said = {"type": "context", "elements": [{"type": "plain_text", "text": words}]}
    await call(
        "chat.update",
        {
            "channel": click.room,
            "ts": click.message_id,
            "text": click.text,
            "blocks": [*left, said],
        },
    )


async def whisper(call: Call, click: Click, words: str) -> None:
    """Tell `words` to the person who clicked, where the question stands."""
    await call(
        "chat.postEphemeral",
        {
            "channel": click.room,
            "user": click.person_key,
            "text": words,
            **({"thread_ts": click.thread} if click.thread else {}),
        },
    )


def _offers(block: Mapping[str, Any]) -> bool:
    elements = block.get("elements")
    return block.get("type") == "actions" and any(
        text(mapping(one), "action_id").startswith(CHOICE_ACTION)
        for one in (elements if isinstance(elements, list) else ())
    )
