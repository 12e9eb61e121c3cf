"""From pieces to one assistant message in OpenAI's shape, and back to chunks. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from konstruct_llm.provider import Piece, Usage

_LARGEST_ANSWER_BYTES = 192 * 1024


class Assembly:
    """Collects the pieces of one answer. `full` tells that it has grown as large as it may."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._bytes = 0
        self.finish_reason = ""
        self.usage: Usage | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""
        return self._bytes == 0

    @property
    def full(self) -> bool:
        """Whether the journal's limit for one step is near."""
        return self._bytes >= _LARGEST_ANSWER_BYTES

    def add(self, piece: Piece) -> None:
        """Take one more piece."""
        if piece.text:
            self._text.append(piece.text)
            self._bytes += len(piece.text.encode())
        for part in piece.tool_calls:
            call = self._calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
            call["id"] = call["id"] or part["id"]
            call["name"] += part["name"] if part["name"] != call["name"] else ""
            call["arguments"] += part["arguments"]
            self._bytes += len(part["arguments"].encode()) + len(part["name"]) + 1
        self.finish_reason = piece.finish_reason or self.finish_reason
        self.usage = piece.usage or self.usage

    def message(self) -> dict[str, Any]:
        """Return the assistant message."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        calls = [
            {
                "id": call["id"] or f"call_{index}",
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"] or "{}"},
            }
            for index, call in sorted(self._calls.items())
            if call["name"]
        ]
        if calls:
            message["tool_calls"] = calls
        return message

    def spoken(self) -> str:
        """Return everything that was generated, for an estimate of its tokens."""
        return self.text + "".join(call["arguments"] for call in self._calls.values())


def deltas_of(pieces: Sequence[Piece]) -> Iterator[dict[str, Any]]:
    """Yield pieces as deltas, neighbouring texts as one; parts of tool calls stay as they came."""
    text = ""
    for piece in pieces:
        if not piece.tool_calls:
            text += piece.text
            continue
        if text:
            yield {"content": text}
            text = ""
        yield delta_of(piece)
    if text:
        yield {"content": text}


def delta_of(piece: Piece) -> dict[str, Any]:
    """Return a piece as the `delta` of a chat.completion.chunk; empty when there is nothing."""
    delta: dict[str, Any] = {}
    if piece.text:
        delta["content"] = piece.text
    if piece.tool_calls:
        delta["tool_calls"] = [
            {
                "index": part["index"],
                **({"id": part["id"]} if part["id"] else {}),
                "type": "function",
                "function": {"name": part["name"], "arguments": part["arguments"]}
                if part["name"]
                else {"arguments": part["arguments"]},
            }
            for part in piece.tool_calls
        ]
    return delta


def pieces_of(message: Mapping[str, Any]) -> list[Piece]:
    """Return a recorded assistant message as the pieces of a stream of one chunk."""
    calls = tuple(
        {
            "index": index,
            "id": call["id"],
            "name": call["function"]["name"],
            "arguments": call["function"]["arguments"],
        }
        for index, call in enumerate(message.get("tool_calls") or ())
    )
    return [Piece(text=message.get("content") or "", tool_calls=calls)]


def event(document: Mapping[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
