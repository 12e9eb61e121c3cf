"""A file is what its bytes say; nothing that can run is ever served as what it is."""

import pytest

from konstruct_media.kinds import UNKNOWN, Kind, kind_of, plain_type, served_as, type_of
from support.files import GIF, JPEG, PNG, WEBP


@pytest.mark.parametrize(
    ("head", "declared", "name", "found"),
    [
        (PNG, "image/png", "a.png", "image/png"),
        (PNG, "text/html", "a.html", "image/png"),
        (JPEG, "", "", "image/jpeg"),
        (GIF, "", "", "image/gif"),
        (WEBP, "image/png", "", "image/webp"),
        (b"%PDF-1.7\n", "", "", "application/pdf"),
        (b"<html><script>alert(1)</script>", "image/png", "a.png", UNKNOWN),
        (b"<html>", "text/html", "a.html", "text/html"),
        (b"<svg onload='alert(1)'>", "image/svg+xml", "a.svg", "image/svg+xml"),
        (b"a,b\n1,2\n", "application/vnd.ms-excel", "a.csv", "text/csv"),
        (b"a,b\n1,2\n", "text/csv; charset=utf-8", "a", "text/csv"),
        (b"# Title\n", "text/plain", "README.md", "text/markdown"),
        (b"hello", "text/plain", "a", "text/plain"),
        (b"hello", "", "notes.txt", "text/plain"),
        ("ñ".encode() * 2048 + b"\xc3", "text/plain", "a", "text/plain"),
        (b"\x00\x01\x02", "text/plain", "a.txt", UNKNOWN),
        (b"\x00\x01\x02", "application/pdf", "a.pdf", UNKNOWN),
        (b"OggS\x00", "audio/ogg; codecs=opus", "", "audio/ogg"),
        (b"MZ\x90\x00", "application/x-msdownload", "a.exe", "application/x-msdownload"),
        (b"anything", "x" * 300 + "/y", "", UNKNOWN),
        (b"anything", "text/plain\r\nX: y", "", UNKNOWN),
    ],
)
def test_the_bytes_decide(head: bytes, declared: str, name: str, found: str) -> None:
    assert type_of(head, declared=declared, name=name) == found


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", Kind.IMAGE),
        ("image/svg+xml", Kind.OTHER),
        ("image/tiff", Kind.OTHER),
        ("text/csv", Kind.DOCUMENT),
        ("application/pdf", Kind.DOCUMENT),
        ("audio/ogg", Kind.AUDIO),
        ("video/mp4", Kind.VIDEO),
        ("application/zip", Kind.OTHER),
    ],
)
def test_a_kind_says_how_a_model_gets_to_know_it(media_type: str, kind: Kind) -> None:
    assert kind_of(media_type) is kind


@pytest.mark.parametrize(
    "media_type",
    ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf", "a/b"],
)
def test_nothing_but_pictures_is_served_as_what_it_is(media_type: str) -> None:
    assert served_as(media_type) == UNKNOWN


def test_a_declared_type_is_plain() -> None:
    assert plain_type("Image/PNG; charset=x") == "image/png"
    assert plain_type("nonsense") == UNKNOWN
