"""Markdown of any kind becomes messages and blocks within every limit, and loses no word."""

import re
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from konstruct_channels.slack.blocks import (
    LONGEST_SECTION,
    MOST_BLOCKS,
    choice_block,
    feedback_block,
    text_blocks,
)
from konstruct_channels.slack.format import read, render, sections
from konstruct_channels.slack.spec import SPEC
from konstruct_messages.replies import Choice
from support.far_slack_rules import PINGS

LIMIT = SPEC.limits.outbound_text_characters
LINES = st.one_of(
    st.sampled_from(
        (
            *("```", "```python", "~~~", "| a | b |", "|---|---|", "| 1 | <!here> |", "# Title"),
            *("- item", "> quote", "", "<!channel>", "`<@U1>`", "[x](<!here>)", "&lt;!here&gt;"),
            *("word " * 300, "x" * 5000, "**bold** and _it_ & <b>"),
        )
    ),
    st.text(max_size=80),
)
MARKDOWN = st.lists(LINES, max_size=40).map("\n".join)


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9]+", text)


@given(MARKDOWN)
def test_no_message_and_no_block_is_over_a_limit_and_nobody_is_pinged(markdown: str) -> None:
    for message in render(markdown, limit=LIMIT):
        assert 0 < len(message) <= LIMIT
        assert not re.search(r"<[!@]", message)
        blocks = text_blocks(message)
        assert len(blocks) < MOST_BLOCKS - 2
        for block in blocks:
            assert 0 < len(block["text"]["text"]) <= LONGEST_SECTION
            assert not re.search(r"<[!@]", block["text"]["text"])


@given(MARKDOWN)
def test_blocks_say_what_the_message_says(markdown: str) -> None:
    for message in render(markdown, limit=LIMIT):
        together = "\n".join(sections(message, limit=LONGEST_SECTION))
        assert "".join(words(read(together))) == "".join(words(read(message)))


@given(st.text(alphabet="abc <!@>&`*_\n", max_size=9000))
def test_splitting_loses_no_word(text: str) -> None:
    whole = "".join(words("\n".join(read(one) for one in render(text, limit=10**6))))
    parts = "".join(words("\n".join(read(one) for one in render(text, limit=64))))
    assert parts == whole


def test_buttons_carry_what_comes_back() -> None:
    ask = uuid4()
    block = choice_block(
        ask, [Choice(key="yes", label="Yes, please"), Choice(key="no", label="No")]
    )
    assert [(one["action_id"], one["value"]) for one in block["elements"]] == [
        ("konstruct_choice_0", f"{ask}:yes"),
        ("konstruct_choice_1", f"{ask}:no"),
    ]
    turn = str(uuid4())
    [buttons] = feedback_block(turn, lambda text: text)["elements"]
    assert buttons["positive_button"]["value"] == f"{turn}:up"
    assert buttons["negative_button"]["value"] == f"{turn}:down"
    assert not PINGS.search(str(block))
