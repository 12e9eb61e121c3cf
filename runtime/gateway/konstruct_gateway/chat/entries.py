"""A log entry as the frame a socket shows. Pure."""

from collections.abc import Callable
from typing import Any

from konstruct_gateway.chat.frames import Frame
from konstruct_messages.inbound import Attachment
from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_store.asks import ASK_LIFETIME
from konstruct_store.log import LogEntry


def frame_of(
    entry: LogEntry, *, agent: str, stopped: str, link: Callable[[str], str]
) -> Frame | None:
    """Return the frame of an entry; None for entries that a person does not see.

    `agent` is the name shown for replies that carry none, `stopped` the sentence of a notice that a
    turn was stopped, and `link` returns the address of a file by its key.
    """
    payload = entry.payload
    match entry.kind:
        case LogKind.SAID:
            said: Frame = {
                "type": "said",
                "id": str(payload.get("id", "")),
                "text": str(payload.get("text", "")),
                "at": entry.at.isoformat(),
                "seq": entry.seq,
            }
            chosen = {key: payload[key] for key in ("ask", "choice") if key in payload}
            return said | chosen | _attached(payload, link)
        case LogKind.REPLY:
            reply = _reply(entry, agent) | _attached(payload, link)
            return reply | {"human": True} if payload.get("human") else reply
        case LogKind.ASK:
            asked = {
                "type": "ask",
                "choices": payload.get("choices", []),
                "expiresAt": (entry.at + ASK_LIFETIME).isoformat(),
            }
            return _reply(entry, agent) | _attached(payload, link) | asked
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


def described(attachment: Attachment, link: Callable[[str], str]) -> Frame:
    """Return a file as frames and answers carry it."""
    found: Frame = {
        "key": attachment.key,
        "name": attachment.name,
        "mediaType": attachment.media_type,
        "sizeBytes": attachment.size_bytes,
    }
    address = link(attachment.key)
    return found | {"url": address} if address else found


def _attached(payload: dict[str, Any], link: Callable[[str], str]) -> Frame:
    """Return the frame's files: the entry's own, and those of its parts."""
    parts = payload.get("parts") or ()
    raw = [
        *(payload.get("attachments") or ()),
        *(one for part in parts if isinstance(part, dict) for one in part.get("attachments", ())),
    ]
    files = [described(Attachment.model_validate(one), link) for one in raw]
    return {"attachments": files} if files else {}


def _reply(entry: LogEntry, agent: str) -> Frame:
    payload = entry.payload
    return {
        "type": "reply",
        "id": str(payload.get("id", "")),
        "turn": str(entry.turn_id) if entry.turn_id is not None else "",
        "text": reply_text(payload),
        "agent": str(payload.get("agent") or agent),
        "at": entry.at.isoformat(),
        "seq": entry.seq,
    }


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
