"""What the gateway says on a socket: one JSON object per text frame, told apart by `type`."""

import json
from collections.abc import Sequence
from typing import Any

Frame = dict[str, Any]

NO_TICKET = 4401
ANOTHERS = 4403
TOO_FAST = 4429
RESTART = 1012
FAILED = 1011


def encode(frame: Frame) -> str:
    """Return a frame as the text that travels."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def ready(conversation: str, agent: str, *, title: str = "", greeting: str = "") -> Frame:
    """Say that the socket may speak; `conversation` names it, also for the next socket."""
    frame: Frame = {"type": "ready", "conversation": conversation, "agent": agent}
    if title:
        frame["title"] = title
    if greeting:
        frame["greeting"] = greeting
    return frame


def files_taken(largest_bytes: int, media_types: Sequence[str]) -> Frame:
    """Say which files may be sent; the field is missing where none may."""
    return {"files": {"largestBytes": largest_bytes, "mediaTypes": list(media_types)}}


def accepted(client_id: str, seq: int) -> Frame:
    """Say that the message is durable; it is the `seq`-th entry of its conversation."""
    return {"type": "accepted", "id": client_id, "seq": seq}


def typing(turn: str, agent: str) -> Frame:
    """Say that an agent works on `turn`."""
    return {"type": "typing", "turn": turn, "agent": agent}


def step(turn: str, text: str) -> Frame:
    """Say what the agent does, in words."""
    return {"type": "step", "turn": turn, "text": text}


def delta(turn: str, attempt: int, offset: int, text: str) -> Frame:
    """Show a piece of a reply, `offset` characters in; a higher attempt clears."""
    return {"type": "delta", "turn": turn, "attempt": attempt, "offset": offset, "text": text}


def error(code: str, text: str, client_id: str = "") -> Frame:
    """Say that something was not taken. `id` is there when it was a message with one."""
    frame: Frame = {"type": "error", "code": code, "text": text}
    if client_id:
        frame["id"] = client_id
    return frame
