"""The workspace's members, and which of them a program is made of."""

import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def members() -> list[str]:
    """Return the folder of every member."""
    workspace = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    return list(workspace["members"])


def folder(name: str) -> str:
    """Return the folder of the member `konstruct-<name>`."""
    return name if name in {"crds", "operator"} else f"runtime/{name}"


def closure(name: str) -> set[str]:
    """Return the names of the members that a program needs, itself among them."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        member = waiting.pop()
        if member in found:
            continue
        found.add(member)
        project = tomllib.loads((_ROOT / folder(member) / "pyproject.toml").read_text())["project"]
        waiting += [
            dependency.removeprefix("konstruct-")
            for dependency in project["dependencies"]
            if dependency.startswith("konstruct-")
        ]
    return found
