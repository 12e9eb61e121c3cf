"""Small real files for tests: pictures, a PDF, and bytes that only claim to be something."""

import base64
import hashlib
import io
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElF"
    "TkSuQmCC"
)
GIF = base64.b64decode("R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==")
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
WEBP = (
    b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe"
)


def pdf(text: str) -> bytes:
    """Return a PDF of one page that says `text` (Latin letters)."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    stream = zlib.compress(f"BT /F1 24 Tf 72 720 Td ({escaped}) Tj ET".encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
            b" /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def sha256(data: bytes) -> str:
    """Return the checksum in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


async def pieces_of(data: bytes, *, size: int = 65_536) -> AsyncIterator[bytes]:
    """Yield `data` in pieces."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def zeros(total: int, *, size: int = 65_536) -> AsyncIterator[bytes]:
    """Yield `total` zero bytes without ever having more than a piece."""
    piece = bytes(size)
    left = total
    while left > 0:
        yield piece[: min(size, left)]
        left -= size


def kept(folder: Path) -> list[Path]:
    """Return the files in a folder and below it."""
    return [one for one in folder.rglob("*") if one.is_file()]
