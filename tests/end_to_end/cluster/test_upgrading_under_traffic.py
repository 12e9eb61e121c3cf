"""`helm upgrade` rolls every program and the database, while people write."""

import asyncio
import uuid
from functools import partial

import pytest

from support.demo_talk import assert_nothing_lost_or_doubled, talking
from support.release import Release

pytestmark = pytest.mark.node

PROGRAMS = ("gateway", "llm", "portal", "operator", "postgres")


async def test_nothing_is_lost_or_doubled_while_everything_rolls(release: Release) -> None:
    with release.tenants("mover"):
        await asyncio.to_thread(release.wait_ready, "mover")
        before = _names(release)
        async with talking(release.gateway_url, *["mover/website"] * 3) as visitors:
            rolled = {"konstruct.dev/rolled": uuid.uuid4().hex}
            await asyncio.to_thread(partial(release.upgrade, podAnnotations=rolled))
        for visitor in visitors:
            assert_nothing_lost_or_doubled(visitor)
        after = _names(release)
        for program in PROGRAMS:
            assert before[program].isdisjoint(after[program])
        await asyncio.to_thread(release.wait_ready, "mover")


def _names(release: Release) -> dict[str, set[str]]:
    return {
        program: {one["metadata"]["uid"] for one in release.pods(program)} for program in PROGRAMS
    }
