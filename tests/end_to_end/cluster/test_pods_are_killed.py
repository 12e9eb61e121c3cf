"""Killed pods come back, and nothing that was accepted is lost."""

import asyncio

import pytest

from support.demo_talk import assert_nothing_lost_or_doubled, demo_visitor, talking
from support.operator_process import eventually
from support.release import NAMESPACE, Release, place
from support.waiting import until

pytestmark = pytest.mark.node

_AT_ONCE = ("--force", "--grace-period=0", "--wait=false")
_LATE = 180


def test_an_operator_killed_while_it_reconciles_leaves_nothing_half_done(release: Release) -> None:
    names = ("one", "two", "three")
    with release.tenants(*names):
        eventually(
            lambda: release.cluster.get("serviceaccounts", "-n", place("one"))["items"][1:],
            what="the operator's first writes",
        )
        _kill(release, NAMESPACE, "operator")
        release.wait_ready(*names, seconds=_LATE)
        for name in names:
            deployments = release.cluster.get("deployments", "-n", place(name))["items"]
            assert len(deployments) == 1


async def test_everything_killed_at_once_comes_back_and_answers(release: Release) -> None:
    with release.tenants("phoenix"):
        await asyncio.to_thread(release.wait_ready, "phoenix")
        async with demo_visitor(release.gateway_url, "phoenix/website") as visitor:
            await visitor.say("N0")
            await visitor.until_answered(seconds=60)
            await visitor.say("N1")
            await asyncio.to_thread(_kill, release, NAMESPACE)
            await asyncio.to_thread(_kill, release, place("phoenix"))
            await visitor.until_answered(seconds=_LATE)
            await visitor.say("N2", seconds=_LATE)
            await visitor.until_answered(seconds=_LATE)
        assert_nothing_lost_or_doubled(visitor)
        await asyncio.to_thread(release.wait_ready, "phoenix", seconds=_LATE)


async def test_agents_killed_in_the_middle_of_answers_lose_none(release: Release) -> None:
    with release.tenants("busy"):
        await asyncio.to_thread(release.wait_ready, "busy")
        async with talking(release.gateway_url, *["busy/website"] * 3) as visitors:
            await asyncio.to_thread(_kill, release, place("busy"))
            before = max(len(one.ledger.replies) for one in visitors)
            await until(
                lambda: min(len(one.ledger.replies) for one in visitors) > before, seconds=_LATE
            )
        for visitor in visitors:
            assert_nothing_lost_or_doubled(visitor)


def _kill(release: Release, namespace: str, component: str = "") -> None:
    names = [one["metadata"]["name"] for one in release.pods(component, namespace)]
    assert names
    release.cluster.kubectl("delete", "pods", *names, "-n", namespace, *_AT_ONCE)
