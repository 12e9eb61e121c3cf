"""Suspended tenants answer later; idle ones lose their pods, and a message wakes them."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from support import declared
from support.demo_talk import assert_nothing_lost_or_doubled, demo_visitor
from support.operator_process import eventually
from support.release import Release, place
from support.visitor import arriving

pytestmark = pytest.mark.node

_SLEEPS = {"runtime": {"minReplicas": 0, "idleAfterSeconds": 60}}
_WAKING = 90


async def test_a_suspended_tenant_keeps_what_people_write_and_answers_later(
    release: Release,
) -> None:
    with release.tenants("pause"):
        await asyncio.to_thread(release.wait_ready, "pause")
        await asyncio.to_thread(_set_mode, release, "Suspended")
        await asyncio.to_thread(_has_pods, release, "pause", 0)
        async with demo_visitor(release.gateway_url, "pause/website") as visitor:
            await visitor.say("Kept")
            assert visitor.unanswered() == ["Kept"]
            await asyncio.to_thread(_set_mode, release, "Running")
            await visitor.until_answered(seconds=_WAKING)
        assert_nothing_lost_or_doubled(visitor)


async def test_five_sleeping_tenants_are_woken_at_once_and_one_falls_asleep_again(
    release: Release,
) -> None:
    names = [f"sleeper-{number}" for number in range(5)]
    with release.tenants(*names, **_SLEEPS):
        await asyncio.to_thread(release.wait_ready, *names)
        # Who is new is asleep until somebody writes.
        for name in names:
            assert release.pods("agent", place(name)) == []
        async with AsyncExitStack() as stack:
            visitors = [
                await stack.enter_async_context(
                    demo_visitor(release.gateway_url, f"{name}/website")
                )
                for name in names
            ]
            await asyncio.gather(*(one.say("Awake") for one in visitors))
            await asyncio.gather(*(one.until_answered(seconds=_WAKING) for one in visitors))
        for visitor in visitors:
            assert_nothing_lost_or_doubled(visitor)
        await asyncio.to_thread(_has_pods, release, names[0], 0, 150)


async def test_whoever_wakes_a_tenant_is_shown_that_somebody_types(release: Release) -> None:
    with release.tenants("drowsy", **_SLEEPS):
        await asyncio.to_thread(release.wait_ready, "drowsy")
        async with arriving(release.gateway_url, "drowsy/website") as visitor:
            await visitor.say("My name is Eva")
            shown, frame = await visitor.wait_for("typing", seconds=20)
            answered, reply = await visitor.wait_for("reply", seconds=_WAKING)
        assert frame
        assert shown < answered
        assert "Eva" in reply["text"]


def _set_mode(release: Release, mode: str) -> None:
    document = declared.tenant("pause", namespace=place("pause"), operatingMode=mode)
    declared.apply(release.cluster, document)


def _has_pods(release: Release, tenant: str, count: int, seconds: float = 60) -> None:
    eventually(
        lambda: len(release.pods("agent", place(tenant))) == count,
        seconds=seconds,
        what=f"{count} pods of {tenant}",
    )
