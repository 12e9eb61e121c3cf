"""Documents give their words, bounded; hostile ones give none and take nothing down."""

import pytest

from konstruct_media import texts
from konstruct_media.texts import MOST_CHARACTERS, extract, words_of
from support.files import PNG, pdf


def test_a_page_gives_its_words_and_not_its_scripts() -> None:
    page = b"<head><title>t</title></head><body><h1>Prices</h1><script>evil()</script><p>10 &euro;"
    assert words_of(page, "text/html") == "Prices\n10 €"


def test_a_table_gives_its_rows_whatever_separates_them() -> None:
    assert words_of(b"a;b\n1;2\n3;4\n", "text/csv") == "a | b\n1 | 2\n3 | 4"


def test_words_are_bounded_and_printable() -> None:
    assert len(words_of(b"x" * 1_000_000, "text/plain")) == MOST_CHARACTERS
    assert words_of("a\x1b[31mb\u202ec".encode(), "text/plain") == "a[31mbc"
    assert words_of(b"\xef\xbb\xbfhola \xff", "text/plain").startswith("hola ")


async def test_other_files_have_no_words() -> None:
    assert await extract(PNG, "image/png") == ""
    assert await extract(b"x" * (texts.MOST_BYTES + 1), "text/plain") == ""


@pytest.mark.process
async def test_a_pdf_gives_its_words() -> None:
    assert await extract(pdf("The bill is 42 euro"), "application/pdf") == "The bill is 42 euro"


@pytest.mark.process
@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\n", b"%PDF-" + b"\xff" * 5000, pdf("x")[:200], b"%PDF-1.4\n" * 20_000]
)
async def test_a_broken_pdf_gives_none(data: bytes) -> None:
    assert await extract(data, "application/pdf") == ""
