"""What a native stream is given, and when: every limit kept, nothing lost, nobody pinged."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct_channels.live import Doing, Progress
from konstruct_channels.slack.stream import (
    LONGEST_STREAM_SECONDS,
    LONGEST_TITLE,
    MOST_CHARACTERS,
    SECONDS_BETWEEN,
    Append,
    Over,
    StreamPlan,
    Wait,
    cut,
    safe,
)
from support.far_slack_rules import PINGS

MENTIONS = ("<!channel>", "<!here>", "<!everyone|x>", "<!subteam^S1>", "<@U012ABC>", "@here", "@")
WORDS = st.one_of(
    st.sampled_from(
        (*MENTIONS, "<", "```", "`<@U1>`", " ", "\n", "\n\n    ", "\t", "word", "a" * 500)
    ),
    st.text(max_size=20),
)
TEXTS = st.lists(WORDS, max_size=60).map("".join)
ZERO = "\u200b"


def run(plan: StreamPlan, progress: Progress, now: float) -> list[Append]:
    """Let a plan do all it wants for one progress, the clock running."""
    found = []
    for _ in range(200):
        match plan.next(progress, now):
            case Append() as step:
                plan.done(step, now)
                found.append(step)
            case Wait(seconds) if seconds >= SECONDS_BETWEEN:
                break
            case Wait(seconds):
                now += seconds
            case Over():
                break
    return found


def said(steps: list[Append]) -> list[str]:
    return [one["text"] for step in steps for one in step.chunks if one["type"] == "markdown_text"]


@given(pieces=st.lists(WORDS, max_size=40), whole=st.booleans())
def test_whatever_comes_in_whatever_pieces_is_said_once_and_pings_nobody(
    pieces: list[str], *, whole: bool
) -> None:
    plan, steps = StreamPlan(began=0.0), []
    grown = list(itertools.accumulate(pieces)) if not whole else ["".join(pieces)]
    for number, text in enumerate(grown):
        steps += run(plan, Progress(text), float(number) * 2)
    text = "".join(pieces)
    ended = Progress(text, ended=True)
    steps += run(plan, ended, float(len(grown)) * 2 + 10)
    shown = "".join(said(steps))
    assert not PINGS.search(shown)
    clean = text.replace("\x00", "").strip()
    if len(clean) < MOST_CHARACTERS // 2:
        assert shown.replace(ZERO, "") == clean.replace(ZERO, "")
        assert plan.shows(ended)


@given(TEXTS)
def test_no_piece_is_too_long_or_begins_with_white_space(text: str) -> None:
    plan = StreamPlan(began=0.0)
    steps = run(plan, Progress(text * 3), 0.0) + run(plan, Progress(text * 3, ended=True), 50.0)
    assert sum(map(len, said(steps))) <= 12_000
    for step in steps:
        assert sum(len(one.get("text", "")) for one in step.chunks) <= 12_000
    assert not any(one[:1].isspace() for one in said(steps))


@given(text=TEXTS, limit=st.integers(1, 600))
def test_a_cut_ends_where_a_word_begins_unless_a_word_has_no_end(text: str, limit: int) -> None:
    at = cut(text, limit=limit, ended=False)
    assert 0 <= at <= min(limit, len(text))
    word_begins = at < len(text) and text[at - 1].isspace() and not text[at].isspace()
    no_word_begins = not any(
        text[end - 1].isspace() and not text[end].isspace()
        for end in range(1, min(limit, len(text) - 1) + 1)
    )
    assert at == 0 or word_begins or no_word_begins


@given(TEXTS)
def test_safe_text_pings_nobody_and_loses_nothing(text: str) -> None:
    assert not PINGS.search(safe(text))
    assert safe(text).replace(ZERO, "") == text.replace(ZERO, "")
    assert safe(safe(text)) == safe(text)


def test_a_word_is_said_when_the_next_one_begins() -> None:
    plan = StreamPlan(began=0.0)
    assert said(run(plan, Progress("Hello wor"), 0.0)) == ["Hello "]
    assert said(run(plan, Progress("Hello world, he"), 2.0)) == ["world, "]
    assert said(run(plan, Progress("Hello world, here I am ", ended=True), 4.0)) == ["here I am"]


def test_appends_are_a_second_apart() -> None:
    plan = StreamPlan(began=0.0)
    step = plan.next(Progress("one two "), 0.0)
    assert isinstance(step, Append)
    plan.done(step, 0.0)
    assert plan.next(Progress("one two three four "), 0.25) == Wait(0.75)
    assert isinstance(plan.next(Progress("one two three four "), 1.0), Append)


def test_a_stream_is_left_before_slack_ends_it() -> None:
    plan = StreamPlan(began=100.0)
    assert isinstance(plan.next(Progress("one two "), 100.0 + LONGEST_STREAM_SECONDS), Over)
    assert plan.next(Progress(), 100.0 + LONGEST_STREAM_SECONDS - 0.5) == Wait(0.5)


def test_a_text_that_begins_anew_follows_what_was_said_and_is_not_the_reply() -> None:
    plan = StreamPlan(began=0.0)
    run(plan, Progress("Let me look. Then"), 0.0)
    assert "".join(said(run(plan, Progress("It is noon."), 5.0))).endswith("It is ")
    run(plan, Progress("It is noon.", ended=True), 9.0)
    assert not plan.shows(Progress("It is noon.", ended=True))


def test_an_append_that_may_be_lost_makes_the_text_unsure() -> None:
    plan = StreamPlan(began=0.0)
    step = plan.next(Progress("one ", ended=True), 0.0)
    assert isinstance(step, Append)
    plan.done(step, 0.0, surely=False)
    assert not plan.shows(Progress("one ", ended=True))


def test_steps_are_tasks_that_change_their_state_once() -> None:
    plan = StreamPlan(began=0.0)
    looking = Doing("Looking " + "x" * 400)
    [first] = run(plan, Progress(doing=(looking,)), 0.0)
    [task] = first.chunks
    assert (task["id"], task["status"]) == ("step-0", "in_progress")
    assert len(task["title"]) == LONGEST_TITLE
    assert run(plan, Progress(doing=(looking,)), 2.0) == []
    both = (Doing(looking.text, done=True), Doing("Writing"))
    [second] = run(plan, Progress(doing=both), 4.0)
    assert [(one["id"], one["status"]) for one in second.chunks] == [
        ("step-0", "complete"),
        ("step-1", "in_progress"),
    ]
    [third] = run(plan, Progress("Done.", doing=both, ended=True), 6.0)
    assert [one["type"] for one in third.chunks] == ["task_update", "markdown_text"]


@pytest.mark.parametrize("text", ["a@here.example", "user@channel.example", "# <!-- a comment -->"])
def test_what_is_no_mention_stays_as_it_is(text: str) -> None:
    assert safe(text) == text
