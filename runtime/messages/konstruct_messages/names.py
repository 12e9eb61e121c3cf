"""A file's name as a person gave it, made harmless for pages, headers and prompts. Pure."""

import re
import unicodedata
from urllib.parse import quote

LONGEST_NAME = 120
_LONGEST_EXTENSION = 16
_SEPARATORS = re.compile(r"[\\/:\x00]+")
_UNSAFE = frozenset('<>"|?*`;')
# Control, format (among them those that turn the direction of writing), surrogate, private use,
# line and paragraph separator: none of them belongs into a name, and some lie about it.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_name(name: str, *, fallback: str = "file") -> str:
    """Return `name` without path, control and direction characters, at most 120 characters long.

    Only the last part of a path is kept, the extension survives a cut, and names that a system
    keeps for itself (`.`, `..`, leading dots) lose their dots.
    """
    last = next((one for one in reversed(_SEPARATORS.split(name)) if one.strip(" .")), "")
    visible = "".join(
        " " if unicodedata.category(letter) == "Zs" else letter
        for letter in unicodedata.normalize("NFC", last)
        if unicodedata.category(letter) not in _INVISIBLE and letter not in _UNSAFE
    )
    plain = " ".join(visible.split()).strip(" .")
    if len(plain) > LONGEST_NAME:
        plain = _shortened(plain)
    return plain or fallback


def disposition(name: str, *, inline: bool = False) -> str:
    """Return a Content-Disposition header (RFC 6266) for a name from `safe_name`."""
    kind = "inline" if inline else "attachment"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", plain).strip() or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) > _LONGEST_EXTENSION:
        return name[:LONGEST_NAME].strip(" .")
    return f"{stem[: LONGEST_NAME - len(extension) - 2].rstrip(' .')}….{extension}"
