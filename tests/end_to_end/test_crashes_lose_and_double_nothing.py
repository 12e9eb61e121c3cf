"""A short slice of the crash campaign: gateway, agent, llm and Postgres are killed under load."""

from pathlib import Path

import pytest

from support.crash_campaign import Plan, judge, run
from support.faithful_visitor import Ledger


@pytest.mark.process
@pytest.mark.postgres
async def test_every_accepted_message_gets_exactly_one_reply_whatever_is_killed(
    tmp_path: Path,
) -> None:
    plan = Plan(seed=20261123, messages=400, kills=16)
    verdict = await run(plan, tmp_path)
    print(verdict)  # noqa: T201 - the seed and the figures belong into a failing run's output
    assert verdict.accepted == plan.messages
    assert verdict.clean, verdict
    assert sum(verdict.kills.values()) > plan.kills // 2


def test_the_oracle_sees_a_lost_a_doubled_and_a_reordered_message() -> None:
    def ledger(**replies: str) -> Ledger:
        numbered = {int(seq[1:]): text for seq, text in replies.items()}
        return Ledger(accepted={"a": 1, "b": 2}, replies=numbered)

    assert judge([ledger(s3="a b")]).clean
    assert judge([ledger(s3="a")]).lost == 1
    assert judge([ledger(s3="a b", s4="b")]).doubled == 1
    assert judge([ledger(s3="b", s4="a")]).reordered == 1
