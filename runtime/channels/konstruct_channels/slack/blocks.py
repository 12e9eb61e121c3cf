"""Blocks: a message's text as sections, buttons for feedback and for choices. Pure.

Limits: https://docs.slack.dev/reference/block-kit/blocks (a section 3,000 characters, 50 blocks a
message, a button's text 75 and its value 2,000).
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from konstruct_channels.slack.format import sections
from konstruct_messages.replies import Choice

FEEDBACK_ACTION = "konstruct_feedback"
CHOICE_ACTION = "konstruct_choice"
LONGEST_SECTION = 3_000
MOST_BLOCKS = 50
_LONGEST_BUTTON = 75

Block = dict[str, Any]


def text_blocks(mrkdwn: str) -> list[Block]:
    """Return sections that say a whole rendered message."""
    return [
        {"type": "section", "expand": True, "text": {"type": "mrkdwn", "text": one}}
        for one in sections(mrkdwn, limit=LONGEST_SECTION)
    ]


def feedback_block(key: str, _: Callable[[str], str]) -> Block:
    """Return the buttons that ask what a person thinks of the answer `key`; `_` translates."""
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": FEEDBACK_ACTION,
                "positive_button": _opinion(_("Good answer"), f"{key}:up"),
                "negative_button": _opinion(_("Bad answer"), f"{key}:down"),
            }
        ],
    }


def choice_block(ask_id: UUID, choices: Sequence[Choice]) -> Block:
    """Return a button for each choice of a question."""
    return {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": f"{CHOICE_ACTION}_{number}",
                "text": _plain(choice.label),
                "value": f"{ask_id}:{choice.key}",
            }
            for number, choice in enumerate(choices)
        ],
    }


def _opinion(words: str, value: str) -> dict[str, Any]:
    return {"text": _plain(words), "accessibility_label": words, "value": value}


def _plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words[:_LONGEST_BUTTON]}
