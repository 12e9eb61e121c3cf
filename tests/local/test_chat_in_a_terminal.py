"""What a person sees of a reply in the making, and what the chat remembers."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct_local.chat_memory import ChatAddress, ChatMemory, ChatMemoryFile
from konstruct_local.chat_reading import Reader, Stream
from konstruct_local.home import Home


def test_pieces_are_shown_as_they_come_and_the_end_adds_only_the_rest() -> None:
    stream = Stream()
    assert stream.take(1, 0, "Hel") == "Hel"
    assert stream.take(1, 3, "lo ") == "lo "
    assert stream.finish("Hello Ana") == "Ana"


def test_a_piece_that_comes_twice_is_shown_once() -> None:
    stream = Stream()
    assert stream.take(1, 0, "Hello") == "Hello"
    assert stream.take(1, 0, "Hello") == ""
    assert stream.take(1, 3, "lo Ana") == " Ana"


def test_after_a_lost_piece_only_the_recorded_reply_is_believed() -> None:
    stream = Stream()
    stream.take(1, 0, "Hel")
    assert stream.take(1, 9, "!!") == ""
    assert stream.take(1, 3, "lo") == ""
    assert stream.finish("Hello Ana!!") == "lo Ana!!"


def test_a_higher_attempt_begins_a_line_of_its_own() -> None:
    stream = Stream()
    stream.take(1, 0, "Goodb")
    assert stream.take(2, 0, "Hello") == "\nHello"
    assert stream.take(1, 5, "ye") == ""
    assert stream.finish("Hello") == ""


def test_a_reply_that_differs_from_what_was_shown_is_shown_whole() -> None:
    stream = Stream()
    stream.take(1, 0, "I am human")
    assert stream.finish("I am an AI") == "\nI am an AI"


@given(text=st.text(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_whatever_the_pieces_the_person_reads_the_reply(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    stream, seen = Stream(), ""
    for start, end in itertools.pairwise(places):
        seen += stream.take(1, start, text[start:end])
    assert seen + stream.finish(text) == text


def test_the_reader_knows_how_far_the_person_has_read() -> None:
    reader = Reader(after=4)
    reader.reply({"turn": "t", "text": "hello", "seq": 9})
    reader.saw({"seq": 7})
    assert reader.after == 9


@pytest.mark.parametrize("text", ["", "acme", "/", "acme/", "/website", "a/b/c", "A/b", "a b/c"])
def test_other_shapes_of_address_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text or ".*"):
        ChatAddress.parse(text)


def test_memories_are_kept_per_installation_and_connection(tmp_path: Path) -> None:
    home, address = Home(tmp_path), ChatAddress.parse("acme/website")
    here = ChatMemoryFile(home, "http://127.0.0.1:8080", address)
    memory = ChatMemory(resume="r", conversation="c", after=3)
    here.save(memory)
    assert here.load() == memory
    assert ChatMemoryFile(home, "http://127.0.0.1:9090", address).load() == ChatMemory()
    other = ChatAddress.parse("acme/other")
    assert ChatMemoryFile(home, "http://127.0.0.1:8080", other).load() == ChatMemory()
    (path,) = home.chats.rglob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("[]")
    assert here.load() == ChatMemory()
