"""A log entry as the frame a socket shows. Pure."""

from typing import Any

from konstruct_gateway.chat.frames import Frame
from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_store.log import LogEntry


def frame_of(entry: LogEntry, *, agent: str, stopped: str) -> Frame | None:
    """Return the frame of an entry; None for entries that a person does not see.

    `agent` is the name shown for replies that carry none, `stopped` the sentence of a notice that a
    turn was stopped.
    """
    payload = entry.payload
    match entry.kind:
        case LogKind.SAID:
            return {
                "type": "said",
                "id": str(payload.get("id", "")),
                "text": str(payload.get("text", "")),
                "at": entry.at.isoformat(),
                "seq": entry.seq,
            }
        case LogKind.REPLY:
            reply: Frame = {
                "type": "reply",
                "id": str(payload.get("id", "")),
                "turn": str(entry.turn_id) if entry.turn_id is not None else "",
                "text": reply_text(payload),
                "agent": str(payload.get("agent") or agent),
                "at": entry.at.isoformat(),
                "seq": entry.seq,
            }
            return reply | {"human": True} if payload.get("human") else reply
        case LogKind.NOTICE:
            notice: Frame = {
                "type": "notice",
                "code": str(payload.get("code", "")),
                "text": str(payload.get("text") or _wordless(payload, stopped)),
                "at": entry.at.isoformat(),
                "seq": entry.seq,
            }
            return notice | ({"turn": str(entry.turn_id)} if entry.turn_id is not None else {})
        case _:
            return None


def reply_text(payload: dict[str, Any]) -> str:
    """Return a reply as one text."""
    text = payload.get("text")
    if isinstance(text, str):
        return text
    parts = payload.get("parts")
    found = parts if isinstance(parts, list) else []
    return "\n\n".join(str(part.get("text", "")) for part in found if isinstance(part, dict))


def _wordless(payload: dict[str, Any], stopped: str) -> str:
    return stopped if payload.get("code") == NoticeCode.STOPPED else ""
