"""Gateway and portal may not import each other, so each serves a copy of what sends files."""

from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"


def test_what_sends_files_is_the_same_in_both() -> None:
    widget = RUNTIME / "gateway/konstruct_gateway/chat/widget/files.js"
    portal = RUNTIME / "portal/konstruct_portal/static/chat-files.js"
    assert widget.read_text() == portal.read_text()
    assert "class KonstructFiles" in widget.read_text()
