"""Reading values that somebody else made: a wrong type is as good as nothing."""

import re
from collections.abc import Mapping
from typing import Any

IDENTIFIER = re.compile(r"[A-Z0-9]{2,32}", re.ASCII)
"""What Slack calls things by: T..., U..., C..., D..., F..."""
TIMESTAMP = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}", re.ASCII)
"""What Slack calls messages by: a time that is unique in its channel."""


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(content: Mapping[str, Any], key: str) -> str:
    """Return the text under `key`, or nothing."""
    value = content.get(key)
    return value if isinstance(value, str) else ""


def conversations(channel: str, thread: str) -> tuple[str, ...]:
    """Return the conversations that something in `thread` of `channel` may belong to.

    A direct message is one conversation, and yet what is streamed stands in a thread below the
    person's message: the thread's own conversation comes first, where there is one.
    """
    below = (f"{channel}:{thread}",) if thread else ()
    return (*below, channel) if channel.startswith("D") or not below else below
