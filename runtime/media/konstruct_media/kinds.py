"""What a file is: told from its first bytes, never from what its sender says. Pure."""

from enum import StrEnum
from types import MappingProxyType

UNKNOWN = "application/octet-stream"

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""Pictures that browsers show as they are and that models with eyes take."""

TEXTS = (
    "text/plain",
    "text/markdown",
    "text/csv",
    "text/html",
    "application/json",
)
"""Documents that are text already; HTML is read for its words and never shown."""

PDF = "application/pdf"

_LONGEST_TYPE = 127
_SHORTEST = 12
_BY_EXTENSION = MappingProxyType(
    {
        "txt": "text/plain",
        "log": "text/plain",
        "md": "text/markdown",
        "markdown": "text/markdown",
        "csv": "text/csv",
        "tsv": "text/csv",
        "json": "application/json",
        "htm": "text/html",
        "html": "text/html",
    }
)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)


class Kind(StrEnum):
    """How a model gets to know a file."""

    IMAGE = "Image"
    DOCUMENT = "Document"
    AUDIO = "Audio"
    VIDEO = "Video"
    OTHER = "Other"


def plain_type(declared: str) -> str:
    """Return a declared Content-Type without parameters, in lower case; UNKNOWN for nonsense."""
    plain = declared.split(";", 1)[0].strip().lower()
    main, slash, sub = plain.partition("/")
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+")
    if not slash or not main or not sub or len(plain) > _LONGEST_TYPE:
        return UNKNOWN
    return plain if set(main) <= allowed and set(sub) <= allowed else UNKNOWN


def type_of(head: bytes, *, declared: str = "", name: str = "") -> str:
    """Return the media type of a file that begins with `head`.

    Pictures and PDF are what their bytes say. Texts are believed where the bytes are text, by the
    declared type or the name's extension. A declared picture that is none is UNKNOWN; what is
    neither is what it was declared to be, which nothing is decided by but its name in a prompt.
    """
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) >= _SHORTEST:
        return "image/webp"
    said = plain_type(declared)
    if said in {*IMAGES, PDF}:
        return UNKNOWN
    if _is_text(head):
        extension = name.rpartition(".")[2].lower()
        if said in TEXTS and said != "text/plain":
            return said
        return _BY_EXTENSION.get(extension, said)
    return UNKNOWN if said in TEXTS else said


def kind_of(media_type: str) -> Kind:
    """Return how a model gets to know a file of this type."""
    if media_type in IMAGES:
        return Kind.IMAGE
    if media_type in TEXTS or media_type == PDF:
        return Kind.DOCUMENT
    main = media_type.partition("/")[0]
    return {"audio": Kind.AUDIO, "video": Kind.VIDEO}.get(main, Kind.OTHER)


def served_as(media_type: str) -> str:
    """Return the Content-Type a file is served with: pictures as such, all else as bytes.

    SVG and HTML can hold scripts: no browser is ever told that a file is one.
    """
    return media_type if media_type in IMAGES else UNKNOWN


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a letter.
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True
