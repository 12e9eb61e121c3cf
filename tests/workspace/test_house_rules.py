"""The rules of the house hold for every committed file."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from support import house

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def contents() -> Mapping[str, str]:
    """Every text file that is, or is about to be, committed; by its path from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    texts: dict[str, str] = {}
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file():
            raw = path.read_bytes()
            if b"\0" not in raw[:8192]:
                texts[name] = raw.decode(errors="replace")
    return texts


def test_every_python_file_lies_in_a_room(contents: Mapping[str, str]) -> None:
    assert house.python_files_outside_rooms(contents) == []


def test_no_file_names_a_package_registrys_address(contents: Mapping[str, str]) -> None:
    # go.sum and go.mod name modules, never the proxy they came from.
    assert house.files_with_registry_addresses(contents) == []


def test_every_lock_is_pinned_with_hashes(contents: Mapping[str, str]) -> None:
    locks = {
        file: text
        for file, text in contents.items()
        if file.startswith("requirements/") and file.endswith(".txt")
    }
    assert len(locks) >= 8
    assert house.unpinned_requirements(locks) == []


def test_python_files_stay_readable(contents: Mapping[str, str]) -> None:
    assert house.files_too_long(contents) == []


@pytest.mark.parametrize("room", [room for room in house.ROOMS if "konstruct_" in room])
def test_every_sentence_to_a_person_is_translated(room: str) -> None:
    assert house.untranslated_sentences(ROOT / room) == []


def test_every_word_of_a_page_goes_through_the_catalogue(contents: Mapping[str, str]) -> None:
    templates = {
        file: text
        for file, text in contents.items()
        if file.endswith(".html") and "konstruct_portal" in file
    }
    assert house.bare_sentences_of_templates(templates) == []


def test_every_skip_says_why(contents: Mapping[str, str]) -> None:
    tests = {file: text for file, text in contents.items() if file.startswith("tests/")}
    assert house.skips_without_reason(tests) == []
