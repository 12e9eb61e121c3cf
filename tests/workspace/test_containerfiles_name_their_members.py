"""Each Containerfile copies and installs the members that its program is made of, and no others."""

import re
from pathlib import Path

import pytest

from support.members import closure, folder

ROOT = Path(__file__).resolve().parents[2]
_PROGRAMS = ("operator", "gateway", "llm", "agent", "portal")


def _containerfile(program: str) -> str:
    return (ROOT / folder(program) / "Containerfile").read_text()


@pytest.mark.parametrize("program", _PROGRAMS)
def test_it_copies_the_members_and_their_lock(program: str) -> None:
    copied = re.findall(r"^COPY (\S+) \S+$", _containerfile(program), flags=re.MULTILINE)
    needed = {folder(member) for member in closure(program)}
    locks = {"requirements/build.txt", f"requirements/{program}.txt"}
    assert set(copied) == needed | locks


@pytest.mark.parametrize("program", _PROGRAMS)
def test_it_installs_what_it_copies(program: str) -> None:
    installed = re.search(r"for member in (.*?); do", _containerfile(program))
    assert installed is not None
    assert set(installed[1].split()) == {folder(member) for member in closure(program)}


@pytest.mark.parametrize("program", _PROGRAMS)
def test_its_final_stage_knows_nothing_of_the_build(program: str) -> None:
    _, final = _containerfile(program).rsplit("FROM ", 1)
    assert "ARG" not in final
    assert "USER 65532:65532" in final
    copied = re.findall(r"^COPY .*$", final, flags=re.MULTILINE)
    assert copied == [
        "COPY --from=dependencies /opt/konstruct /opt/konstruct",
        "COPY --from=members /opt/members /opt/members",
    ]
