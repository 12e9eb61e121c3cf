"""The model of the message path holds for every order of events, and each guard is needed."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

MODEL = Path(__file__).with_name("message_path.pml")
GUARDS = (
    "ACKNOWLEDGE_FIRST",
    "NO_ASKING",
    "NO_DEDUPE",
    "NO_FENCE",
    "NO_ORDER",
    "TWO_OPEN_TURNS",
)

DRAFTS = ("-DDRAFTS", "-DCRASHES=1", "-DEXPIRIES=1")
GUARDS_OF_DRAFTS = ("DRAFT_FORGOTTEN", "DRAFT_OVERTAKES", "NO_HOLD")


def test_nothing_is_lost_doubled_repeated_reordered_or_stuck(tmp_path: Path) -> None:
    result = _search(tmp_path)
    assert "errors: 0" in result, result
    # Exhaustive: neither the depth nor the memory bound cut the search short.
    assert "max search depth too small" not in result
    assert _states(result) > 1_000_000


def test_a_reply_that_is_shown_while_it_is_made_is_there_once(tmp_path: Path) -> None:
    result = _search(tmp_path, *DRAFTS)
    assert "errors: 0" in result, result
    assert "max search depth too small" not in result
    assert _states(result) > 1_000_000


@pytest.mark.parametrize("guard", GUARDS_OF_DRAFTS)
def test_without_a_guard_of_drafts_the_model_finds_the_fault(guard: str, tmp_path: Path) -> None:
    assert "errors: 1" in _search(tmp_path, *DRAFTS, f"-DWEAK_{guard}")


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_the_model_finds_the_fault(guard: str, tmp_path: Path) -> None:
    assert "errors: 1" in _search(tmp_path, f"-DWEAK_{guard}")


def test_the_model_uses_the_state_names_of_the_code() -> None:
    text = MODEL.read_text()
    for name in ("Queued", "Claimed", "Answered", "Drafting", "Sending", "Sent"):
        assert re.search(rf"\b{name}\b", text)


def _search(folder: Path, *definitions: str) -> str:
    _run(folder, "spin", *definitions, "-a", str(MODEL))
    _run(folder, "gcc", "-w", "-O2", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c")
    return _run(folder, "./pan", "-m100000")


def _run(folder: Path, *command: str) -> str:
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    return result.stdout + result.stderr


def _states(result: str) -> int:
    found = re.search(r"(\d+) states, stored", result)
    assert found, result
    return int(found[1])
