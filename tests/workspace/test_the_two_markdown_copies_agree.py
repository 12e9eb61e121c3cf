"""Gateway and portal may not import each other, so each serves a copy of the Markdown renderer.

The copies differ in how they begin and end, and in nothing between.
"""

from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
COPIES = (
    RUNTIME / "gateway/konstruct_gateway/chat/widget/markdown.js",
    RUNTIME / "portal/konstruct_portal/static/markdown.js",
)
WRAPPING = ("(() => {", '"use strict"', "return render;", "konstructMarkdown", "[data-markdown]")


def test_what_draws_a_reply_is_the_same_in_both() -> None:
    widget, portal = (copy.read_text().splitlines() for copy in COPIES)
    assert [line for line in widget if not _wraps(line)] == [
        line for line in portal if not _wraps(line)
    ]
    assert len(widget) > 100


def _wraps(line: str) -> bool:
    return any(word in line for word in WRAPPING)
