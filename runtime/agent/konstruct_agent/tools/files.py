"""The tool that makes a file of text for the person. Pure but for keeping it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from konstruct_agent.errors import Refused, RetryLater
from konstruct_messages.inbound import Attachment
from konstruct_messages.names import safe_name
from konstruct_messages.replies import LARGEST_MADE, MADE_TYPES

Keep = Callable[[int, str, str], Awaitable[Attachment]]
"""Keeps a file that a step makes: the step's number, the name and the text."""

_KINDS = ", ".join(MADE_TYPES)

DESCRIPTION = (
    "Makes a file that the person gets together with your answer. Use it for tables, lists and"
    " documents that somebody will want to keep or open elsewhere, and when a file is asked for."
    " Do not repeat its content in your answer."
)

PARAMETERS = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "maxLength": 100,
                "description": f"The file's name; it ends in one of {_KINDS}",
            },
            "content": {"type": "string", "description": "The whole content, as text"},
        },
        "required": ["name", "content"],
        "additionalProperties": False,
    }
)


async def make(arguments: Mapping[str, Any], number: int, keep: Keep) -> dict[str, Any]:
    """Make the file that step `number` asks for; return what the model is told.

    Raises ValueError with a sentence for the model.
    """
    name, text = arguments.get("name"), arguments.get("content")
    if not isinstance(name, str) or not isinstance(text, str):
        raise ValueError("Give a name and the content as text.")  # noqa: TRY004 - one kind of error
    plain = safe_name(name, fallback="")
    extension = plain.rpartition(".")[2].lower()
    if "." not in plain or extension not in MADE_TYPES:
        raise ValueError(f"The name must end in one of {_KINDS}.")
    if not text.strip() or "\x00" in text:
        raise ValueError("The content must be text, and some of it.")
    if len(text.encode(errors="replace")) > LARGEST_MADE:
        raise ValueError(f"A file has at most {LARGEST_MADE // 1024} KiB.")
    if extension == "json":
        _require_json(text)
    try:
        made = await keep(number, plain, text)
    except Refused as refused:
        raise ValueError("This file could not be kept, and cannot be given.") from refused
    except RetryLater as away:
        raise ValueError("Files cannot be kept at the moment. Answer without it.") from away
    return {
        "file": made.model_dump(mode="json", exclude_none=True),
        "note": "The person gets it with your answer.",
    }


def file_of(result: Mapping[str, Any]) -> Attachment | None:
    """Return the file of a recorded result; None where none was made."""
    made = result.get("file")
    return Attachment.model_validate(made) if isinstance(made, dict) else None


def _require_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError("The content is no valid JSON.") from error
