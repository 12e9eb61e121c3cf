"""Cheap estimates of tokens, for reservations and for providers that report no usage.

The exact counters of the vendors cost a hundred megabytes and milliseconds per call; a budget needs
an upper bound that errs on the safe side: three UTF-8 bytes per token is one for every language
that we answer in.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 6
# What the usual providers count for a large picture, however many bytes it has.
_TOKENS_PER_PICTURE = 1_600


def estimate_text(text: str) -> int:
    """Return about how many tokens `text` has; at least 1 for any text."""
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def estimate_prompt(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
) -> int:
    """Return about how many tokens a prompt has, tools included."""
    total = sum(_TOKENS_PER_MESSAGE + _estimate_message(message) for message in messages)
    if tools:
        total += estimate_text(json.dumps(list(tools), ensure_ascii=False))
    return total


def _estimate_part(part: Any) -> int:
    if isinstance(part, Mapping) and part.get("type") == "image_url":
        return _TOKENS_PER_PICTURE
    return estimate_text(json.dumps(part, ensure_ascii=False))


def _estimate_message(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    total = estimate_text(content) if isinstance(content, str) else 0
    if content is not None and not isinstance(content, str):
        parts = content if isinstance(content, list) else [content]
        total += sum(_estimate_part(part) for part in parts)
    if message.get("tool_calls"):
        total += estimate_text(json.dumps(message["tool_calls"], ensure_ascii=False))
    return total
