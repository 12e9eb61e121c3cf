"""A new channel's folder, written from `template/`: everything but its recorded examples.

What `make new-channel NAME=telegram` does. The folder verifies a signature, reads one kind of
message, sends plain text and is complete in three languages; whoever adds the channel puts the
vendor's own rules in their places, beginning with recorded examples.
"""

import re
from importlib import resources
from pathlib import Path
from string import Template

from konstruct_channels.errors import ChannelError

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 32
_SUFFIX = ".txt"


class NotScaffolded(ChannelError):
    """The folder was not written; the text says what to write instead."""


def names_of(name: str) -> dict[str, str]:
    """Return how a channel called `google-chat` is written everywhere. Raises NotScaffolded."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise NotScaffolded(
            f"{name!r} is no name for a channel: write lower-case letters and digits, words"
            " separated by hyphens, as telegram or google-chat."
        )
    words = re.split(r"[-_]", name)
    kind = "".join(one.capitalize() for one in words)
    return {
        "folder": "_".join(words),
        "type": kind,
        "block": kind[0].lower() + kind[1:],
        "title": " ".join(one.capitalize() for one in words),
        "header": "-".join(words),
    }


def scaffold(name: str, parent: Path) -> Path:
    """Write the folder of a new channel below `parent`; return it. Raises NotScaffolded."""
    names = names_of(name)
    folder = parent / names["folder"]
    if folder.exists():
        raise NotScaffolded(f"There is {folder} already: choose another name, or remove it.")
    for place, text in _files(names):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _files(names: dict[str, str]) -> list[tuple[str, str]]:
    """Return every file of the folder: where it lies, and its text."""
    template = resources.files("konstruct_channels") / "template"
    made = []
    for one in sorted(template.iterdir(), key=lambda entry: entry.name):
        if one.name.endswith(_SUFFIX):
            text = Template(one.read_text(encoding="utf-8")).substitute(names)
            made.append((_place(one.name.removesuffix(_SUFFIX)), text))
    return made


def _place(name: str) -> str:
    """Return where a template's file goes: catalogues and examples have folders of their own."""
    catalogue = re.fullmatch(r"messages\.(\w+)\.po", name)
    if catalogue:
        return f"locale/{catalogue[1]}/LC_MESSAGES/messages.po"
    return "examples/README.md" if name == "examples.md" else name
