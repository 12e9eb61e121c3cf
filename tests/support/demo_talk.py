"""People who talk to the demo model, such that every answer names what it answers."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.faithful_visitor import FaithfulVisitor

_PATIENCE = 120.0


def introduce(name: str) -> str:
    """Return what makes the demo model say `name`, which begins with a letter."""
    return f"My name is {name}"


def demo_visitor(gateway_url: str, connection: str) -> FaithfulVisitor:
    """Return a faithful visitor whose messages the demo model answers by name."""
    return FaithfulVisitor(gateway_url, connection, words=introduce)


@asynccontextmanager
async def talking(gateway_url: str, *connections: str) -> AsyncIterator[list[FaithfulVisitor]]:
    """Have a person write to each connection, one message after another's answer, meanwhile.

    At the end each waits for its last answer.
    """
    ending = asyncio.Event()
    async with asyncio.TaskGroup() as people:
        visitors: list[FaithfulVisitor] = []
        tasks = [
            people.create_task(_talk(gateway_url, connection, visitors, ending))
            for connection in connections
        ]
        while not all(one.ledger.replies for one in visitors) or len(visitors) < len(connections):
            await asyncio.sleep(0.1)
            if failed := [task for task in tasks if task.done()]:
                await asyncio.gather(*failed)
        try:
            yield visitors
        finally:
            ending.set()


def assert_nothing_lost_or_doubled(visitor: FaithfulVisitor) -> None:
    """Every accepted message has exactly one answer, and what was seen never changed."""
    assert visitor.unanswered() == []
    assert visitor.ledger.contradictions == []
    for nonce in visitor.ledger.accepted:
        answers = [text for text in visitor.ledger.replies.values() if f"{nonce}." in text]
        assert len(answers) == 1, answers


async def _talk(
    gateway_url: str, connection: str, visitors: list[FaithfulVisitor], ending: asyncio.Event
) -> None:
    async with demo_visitor(gateway_url, connection) as visitor:
        visitors.append(visitor)
        for number in itertools.count():
            await visitor.say(f"N{number}", seconds=_PATIENCE)
            await visitor.until_answered(seconds=_PATIENCE)
            if ending.is_set():
                return
