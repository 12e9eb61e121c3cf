"""A file's name keeps what a person reads, and nothing that a system or an eye trips on."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct_messages.names import LONGEST_NAME, disposition, safe_name


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("Año nuevo.jpg", "Año nuevo.jpg"),
        ("報告書.pdf", "報告書.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\cmd.exe", "cmd.exe"),
        ("C:\\Users\\eva\\photo.png", "photo.png"),
        ("/absolute", "absolute"),
        (".bashrc", "bashrc"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        ("   ", "file"),
        ("folder/", "folder"),
        ("a\x00b.txt", "b.txt"),
        ("line\r\nSet-Cookie: x=1.txt", "x=1.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ('say "hi" <b>.txt', "say hi b.txt"),
        ("\ud800lone.txt", "lone.txt"),
        ("no\u00a0break   space .txt", "no break space .txt"),
        ("trailing.  ", "trailing"),
    ],
)
def test_a_hostile_name_becomes_a_plain_one(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name(f"{'a' * 1000}.docx")
    assert len(name) <= LONGEST_NAME
    assert name.endswith("….docx")
    assert len(safe_name("b" * 1000)) == LONGEST_NAME


@given(st.text(max_size=1500))
def test_no_name_is_dangerous(name: str) -> None:
    kept = safe_name(name)
    assert 0 < len(kept) <= LONGEST_NAME
    assert not set(kept) & set('/\\:\x00<>"|?*`;')
    assert not kept.startswith(".")
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in kept)
    assert safe_name(kept) == kept


@given(st.text(max_size=200))
def test_every_name_fits_a_header(name: str) -> None:
    header = disposition(safe_name(name))
    header.encode("ascii")
    assert header.startswith('attachment; filename="')
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
