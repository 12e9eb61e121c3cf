"""What Slack takes and what not: lengths, blocks, chunks, and what alerts people. Pure."""

import re
from typing import Any

LONGEST_TEXT = 40_000
LONGEST_UPDATE = 4_000
LONGEST_MARKDOWN = 12_000
LONGEST_SECTION = 3_000
LONGEST_TITLE = 256
MOST_BLOCKS = 50
PINGS = re.compile(
    r"<!(?:channel|here|everyone|subteam)|<@[UW]|(?<![\w@])@(?:channel|here|everyone)\b",
    re.IGNORECASE,
)


def wrong_chunks(body: dict[str, Any]) -> str:
    """Return why a stream is not given these chunks; empty when it is."""
    if "markdown_text" in body and "chunks" in body:
        return "cannot_provide_both_markdown_text_and_chunks"
    if len(body.get("markdown_text", "")) > LONGEST_MARKDOWN:
        return "msg_too_long"
    for chunk in body.get("chunks", []):
        match chunk:
            case {"type": "markdown_text", "text": str(text)}:
                if len(text) > LONGEST_MARKDOWN:
                    return "msg_too_long"
            case {"type": "task_update", "id": str(), "title": str(title), "status": status}:
                known = status in {"pending", "in_progress", "complete", "error"}
                if not known or len(title) > LONGEST_TITLE:
                    return "invalid_chunks"
            case _:
                return "invalid_chunks"
    return ""


def wrong_blocks(blocks: list[dict[str, Any]], *, feedback: bool) -> str:
    """Return why a message may not have these blocks; empty when it may."""
    if len(blocks) > MOST_BLOCKS:
        return "invalid_blocks"
    markdown = 0
    for block in blocks:
        match block:
            case {"type": "section", "text": {"type": "mrkdwn", "text": str(text)}} | {
                "type": "context",
                "elements": [{"type": "plain_text", "text": str(text)}],
            }:
                if not 0 < len(text) <= LONGEST_SECTION:
                    return "invalid_blocks"
            case {"type": "markdown", "text": str(text)}:
                markdown += len(text)
            case {"type": "actions", "elements": [_, *_] as elements}:
                if len(elements) > 25 or not all(_right_button(one) for one in elements):
                    return "invalid_blocks"
            case {"type": "context_actions", "elements": [{"type": "feedback_buttons"}]}:
                if not feedback:
                    return "invalid_blocks"
            case _:
                return "invalid_blocks"
    return "msg_blocks_too_long" if markdown > LONGEST_MARKDOWN else ""


def _right_button(button: dict[str, Any]) -> bool:
    return (
        button.get("type") == "button"
        and 0 < len(button["text"]["text"]) <= 75
        and len(button["value"]) <= 2000
        and len(button["action_id"]) <= 255
    )


def words_of(block: dict[str, Any]) -> str:
    """Return the text of a block."""
    if block.get("type") == "context":
        return " ".join(str(one.get("text", "")) for one in block["elements"])
    text = block.get("text", "")
    return str(text.get("text", "")) if isinstance(text, dict) else str(text)
