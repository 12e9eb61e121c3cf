"""Files: where Meta keeps what people send, and as what ours go out. Pure.

A media id gives an address for five minutes, and its bytes want the bearer, too:
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

import base64
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from konstruct_channels.errors import SendRefused
from konstruct_channels.fetching import Located
from konstruct_channels.whatsapp.fields import text

HOSTS = ("lookaside.fbsbx.com", "*.fbsbx.com", "*.whatsapp.net", "*.fbcdn.net")

_MEGABYTE = 1024 * 1024
_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_DIGEST_BYTES = 32
_SENT_AS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "image/jpeg": ("image", 5 * _MEGABYTE),
        "image/png": ("image", 5 * _MEGABYTE),
        "audio/aac": ("audio", 16 * _MEGABYTE),
        "audio/amr": ("audio", 16 * _MEGABYTE),
        "audio/mp4": ("audio", 16 * _MEGABYTE),
        "audio/mpeg": ("audio", 16 * _MEGABYTE),
        "audio/ogg": ("audio", 16 * _MEGABYTE),
        "video/3gpp": ("video", 16 * _MEGABYTE),
        "video/mp4": ("video", 16 * _MEGABYTE),
        "application/msword": ("document", 100 * _MEGABYTE),
        "application/pdf": ("document", 100 * _MEGABYTE),
        "application/vnd.ms-excel": ("document", 100 * _MEGABYTE),
        "application/vnd.ms-powerpoint": ("document", 100 * _MEGABYTE),
        "text/plain": ("document", 100 * _MEGABYTE),
    }
)
_OFFICE = "application/vnd.openxmlformats-officedocument."


def sent_as(media_type: str) -> str:
    """Return the type under which a file is uploaded: any text goes as plain text."""
    text = media_type.startswith("text/") or media_type == "application/json"
    return "text/plain" if text else media_type


def kind_of(media_type: str, size_bytes: int) -> str:
    """Return as what a file can be sent; empty where WhatsApp does not take it.

    An image that is too large is not taken as a document either: those are of other types.
    """
    if media_type.startswith(_OFFICE):
        return "document" if size_bytes <= 100 * _MEGABYTE else ""
    kind, most = _SENT_AS.get(sent_as(media_type), ("", 0))
    return kind if 0 < size_bytes <= most else ""


def located(answer: Mapping[str, Any], *, token: str, api_url: str) -> Located:
    """Return where a media object says that its bytes are. Raises SendRefused where nowhere."""
    url = text(answer, "url")
    if not url:
        raise SendRefused("WhatsApp names no address of the file")
    size = answer.get("file_size")
    size = int(size) if isinstance(size, str) and size.isascii() and size.isdecimal() else size
    parts = urlsplit(api_url)
    return Located(
        url=url,
        hosts=HOSTS,
        origin=f"{parts.scheme}://{parts.netloc}",
        headers={"Authorization": f"Bearer {token}", "User-Agent": "Konstruct"},
        media_type=text(answer, "mime_type").split(";", 1)[0].strip().lower(),
        size_bytes=size if type(size) is int and size > 0 else None,
        expires=True,
        sha256=_hexadecimal(text(answer, "sha256")),
    )


def _hexadecimal(digest: str) -> str:
    """Return a SHA-256 in hexadecimal; Meta writes it in that and in base64."""
    if _HEX.fullmatch(digest):
        return digest.lower()
    try:
        found = base64.b64decode(digest, validate=True)
    except ValueError:
        return ""
    return found.hex() if len(found) == _DIGEST_BYTES else ""
