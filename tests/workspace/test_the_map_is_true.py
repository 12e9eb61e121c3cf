"""ARCHITECTURE.md and README.md name only files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PATH = re.compile(r"`([\w.{},/<>-]+/[\w.{},/<>*-]*)`")
_LINK = re.compile(r"\]\(([\w./-]+)\)")


def expanded(path: str) -> list[str]:
    """Return the paths of `a/{b,c}.py`."""
    braces = re.search(r"{([^}]*)}", path)
    if braces is None:
        return [path]
    options = braces[1].split(",")
    return [path.replace(braces[0], option.strip(), 1) for option in options]


def places(path: str) -> list[Path]:
    """Return where a path may lie: from the root, or in the room that its first word names."""
    room, _, rest = path.partition("/")
    return [
        ROOT / path,
        ROOT / f"runtime/{room}/konstruct_{room}" / rest,
        ROOT / "runtime" / room.removeprefix("konstruct_") / path,
        ROOT / "runtime/store/konstruct_store" / path,
    ]


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"])
def test_every_path_of_the_page_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    named = [path for path in (*_PATH.findall(text), *_LINK.findall(text)) if "<" not in path]
    assert named
    missing = [
        path
        for entry in named
        for path in expanded(entry)
        if not path.startswith((".konstruct", ".venv", "locale/", "docs/decisions/"))
        and not any(place.exists() for place in places(path))
    ]
    assert not missing, "\n".join(missing)
