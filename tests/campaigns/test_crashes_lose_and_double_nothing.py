"""A short slice of the crash campaign: gateway, agent, llm and Postgres are killed under load."""

from pathlib import Path

import pytest

from support.campaigns.crash import Plan, run
from support.campaigns.killer import plan as kills_of
from support.campaigns.ledgers import Conversation, judge, recoveries


@pytest.mark.process
@pytest.mark.postgres
async def test_every_acknowledged_message_gets_exactly_one_reply_whatever_is_killed(
    tmp_path: Path,
) -> None:
    plan = Plan(
        seed=20261123,
        messages=300,
        kills=10,
        visitors=12,
        direct=12,
        mentioning=4,
        whatsapp=6,
        rate=40,
        settle_seconds=2,
        drain_seconds=120,
        quiet=True,
        hurried=True,
    )
    result = await run(plan, tmp_path)
    print(plan.seed, result)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert result.verdict.accepted >= plan.messages
    assert result.clean, result
    assert result.verdict.unasked == 0, result
    assert sum(result.kills.values()) == plan.kills


def conversation(*replies: str) -> Conversation:
    a, b = "m1x0x00000000", "m1x1x00000001"
    return Conversation(
        "one",
        said_at={a: 1.0, b: 2.0},
        accepted={a: 1.1, b: 2.1},
        replied_at={a: 3.0, b: 6.0},
        replies=[text.replace("a", a).replace("b", b) for text in replies],
    )


def test_the_oracle_sees_a_lost_a_doubled_and_a_reordered_message() -> None:
    assert judge([conversation("a b")]).clean
    assert judge([conversation("a", "b")]).clean
    assert judge([conversation("a")]).lost == 1
    assert judge([conversation("a b", "b")]).doubled == 1
    assert judge([conversation("b", "a")]).reordered == 1
    assert judge([conversation("a b", "m7x0x00000000")]).contradictions == 1
    assert judge([conversation("a b", "?")]).unasked == 1


def test_what_was_not_acknowledged_may_be_answered_once_or_not_at_all() -> None:
    unsure = conversation("a b")
    del unsure.accepted["m1x0x00000000"]
    assert judge([unsure]).clean
    unsure.replies = ["m1x1x00000001"]
    assert judge([unsure]).clean
    unsure.replies = ["m1x0x00000000"] * 2 + ["m1x1x00000001"]
    assert judge([unsure]).doubled == 1


def test_recovery_counts_only_what_was_said_after_the_kill() -> None:
    heard, answered = recoveries([conversation("a b")], [0.5, 1.5, 2.5])
    assert heard == pytest.approx([0.6, 0.6])
    assert answered == pytest.approx([2.5, 4.5])


def test_the_same_seed_kills_the_same_programs_after_as_many_messages() -> None:
    first = kills_of(7, kills=50, messages=1000, targets=("a", "b"))
    assert first == kills_of(7, kills=50, messages=1000, targets=("a", "b"))
    assert first != kills_of(8, kills=50, messages=1000, targets=("a", "b"))
    assert [point for point, _, _ in first] == sorted(point for point, _, _ in first)
    assert {target for _, _, target in first} == {"a", "b"}
