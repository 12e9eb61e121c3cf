"""A channel that this product does not know, as `make new-channel NAME=telegram` writes it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import konstruct_channels
from konstruct_channels.scaffolding import scaffold

ROOT = Path(__file__).resolve().parents[2]
_ANSWERED = {"arrived": [{"message": {"text": "Hello"}, "room": "r-1"}]}


def example(body: Any, expect: dict[str, Any]) -> dict[str, Any]:
    """A recorded shape of the scaffolded channel."""
    return {
        "about": "A delivery.",
        "config": {"accountId": "account-1"},
        "headers": {"content-type": "application/json"},
        "body": body,
        "expect": expect,
    }


def message(**over: Any) -> dict[str, Any]:
    """What the scaffolded channel's vendor delivers when somebody writes."""
    said = {"id": "m-1", "room": "r-1", "from": {"id": "eva", "name": "Eva"}, "text": "Hello"}
    return {"type": "message", "account": "account-1", "message": {**said, **over}}


def write_examples(folder: Path) -> None:
    """Put recorded shapes into a scaffolded folder: all that it lacks."""
    found = {
        "message": example(message(), _ANSWERED),
        "without_name": example(message(**{"from": {"id": "eva"}}), _ANSWERED),
        "blank": example(message(text=" "), {"ignored": [{"reason": "empty", "known": True}]}),
        "receipt": example(
            {"type": "receipt", "account": "account-1"},
            {"ignored": [{"reason": "receipt", "known": True}]},
        ),
        "another_account": example(
            message() | {"account": "account-2"},
            {"ignored": [{"reason": "another_account", "known": True}]},
        ),
        "unknown": example(
            {"type": "parade", "account": "account-1"},
            {"ignored": [{"reason": "unknown_type", "known": False}]},
        ),
    }
    for name, content in found.items():
        (folder / "examples" / f"{name}.json").write_text(json.dumps(content, indent=2))


@contextmanager
def found_in(parent: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[Path]:
    """Scaffold a channel into `parent` and let this process find it there."""
    folder = scaffold(name, parent)
    with monkeypatch.context() as patched:
        patched.setattr(konstruct_channels, "__path__", [*konstruct_channels.__path__, str(parent)])
        try:
            yield folder
        finally:
            module = f"konstruct_channels.{folder.name}"
            for one in [one for one in sys.modules if one.startswith(module)]:
                del sys.modules[one]
            vars(konstruct_channels).pop(folder.name, None)


@dataclass(frozen=True)
class Copy:
    """A copy of the rooms that know channels, in which commands run as in the tree."""

    root: Path

    @property
    def channels(self) -> Path:
        return self.root / "konstruct_channels"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a Python module that finds the copied packages before the installed ones."""
        path = os.pathsep.join((str(self.root), str(ROOT / "tests")))
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def generate(self) -> None:
        """Do what `make generate` does for channels."""
        specs = self.run("konstruct_channels", "specs").stdout
        (self.root / "konstruct_crds" / "channel_types.json").write_text(specs)
        self.run("konstruct_crds", "generate", str(self.root))


def copy_of_the_tree(root: Path) -> Copy:
    """Copy channels and CRDs below `root`."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("runtime/channels/konstruct_channels", "crds/konstruct_crds"):
        shutil.copytree(ROOT / package, root / Path(package).name, ignore=ignored)
    return Copy(root)
