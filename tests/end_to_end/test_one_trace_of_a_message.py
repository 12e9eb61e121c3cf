"""From a webhook to Slack's ledger through three programs, told as one trace."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from konstruct_telemetry.traces import MODEL, RECEIVE, SEND, THINK, TURN
from support.campaigns.product import NO_LIMITS, SECRET, Addresses, Product
from support.far_collector import FarCollector, FarSpan, far_collector
from support.far_slack import SlackCaller, direct, far_slack
from support.stack import running_stack

pytestmark = [pytest.mark.postgres, pytest.mark.process]

CANARY = "canary-77aa01"
PROGRAM_OF = {
    RECEIVE: "konstruct-gateway",
    TURN: "konstruct-gateway",
    THINK: "konstruct-agent",
    MODEL: "konstruct-llm",
    SEND: "konstruct-gateway",
}


async def test_the_programs_spans_are_one_trace_in_order_and_hold_no_text(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack, far_slack() as slack:
        with far_collector() as far:
            tracing = {"KONSTRUCT_TRACES_ENDPOINT": far.url}
            product = Product(
                stack,
                Addresses(model="", slack=slack.url),
                seed=7,
                model_key="",
                environment={**NO_LIMITS, **tracing},
                gather_milliseconds=0,
                pod=tracing,
            )
            await product.start_gateway()
            await stack.start_llm({"KONSTRUCT_PORT": str(product.llm_port), **tracing})
            await product.push()
            await product.start_agent()
            await _say(product.slack_hook, far, f"Hello, I am {CANARY}")
            await stack.stop()
    spans = {one.name: one for one in far.spans}
    assert {name: one.program for name, one in spans.items()} == PROGRAM_OF
    assert len(far.spans) == len(PROGRAM_OF)
    assert len({one.trace for one in far.spans}) == 1
    assert UUID(spans[TURN].attributes["konstruct.turn_id"]).hex == spans[TURN].trace
    _hang_together(spans)
    assert not any(one.failed for one in far.spans)
    assert spans[MODEL].attributes["konstruct.output_tokens"] > 0
    assert spans[TURN].attributes["konstruct.disposition"] == "Answered"
    assert CANARY.encode() not in far.raw
    assert slack.ledger[0].text.encode() not in far.raw


def _hang_together(spans: dict[str, FarSpan]) -> None:
    assert spans[RECEIVE].parent == ""
    for child, parent in ((TURN, RECEIVE), (THINK, TURN), (MODEL, THINK), (SEND, TURN)):
        assert spans[child].parent == spans[parent].id, child
    begins = [spans[name].began for name in (RECEIVE, TURN, THINK, MODEL, SEND)]
    assert begins == sorted(begins)
    assert spans[RECEIVE].ended == spans[TURN].began
    assert spans[MODEL].ended <= spans[THINK].ended <= spans[TURN].ended


async def _say(hook: str, far: FarCollector, text: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        caller = SlackCaller(client, hook, SECRET)
        async with asyncio.timeout(60):
            assert await caller.deliver(direct(text, ts="1767225600.000100"), "Ev1")
            while not far.named(SEND):  # noqa: ASYNC110 - no event announces it
                await asyncio.sleep(0.05)
