"""What the campaigns with lost answers share: the odds of trouble, and replies that have names."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from konstruct_messages.inbound import InboundMessage
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import Store
from konstruct_store.errors import RetryLater
from support.campaigns.ledgers import nonce
from support.far_troubles import Trouble
from support.working import Office

_T = TypeVar("_T")
TROUBLES: dict[Trouble | None, int] = {
    None: 60,
    Trouble.DROP_ANSWER: 14,
    Trouble.ERROR_AFTER: 10,
    Trouble.LATE_ANSWER: 4,
    Trouble.ERROR_BEFORE: 6,
    Trouble.DROP_REQUEST: 6,
}


class Odds(deque[Any]):
    """An endless supply of troubles: `popleft` draws one, which `drawn` counts."""

    def __init__(self, chance: random.Random, drawn: Counter[str]) -> None:
        super().__init__()
        self._chance = chance
        self._drawn = drawn

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> Any:
        trouble = self._chance.choices([*TROUBLES], [*TROUBLES.values()])[0]
        self._drawn[str(trouble or "none")] += 1
        return trouble


async def write_all(
    store: Store,
    tenants: Sequence[TenantSnapshot],
    asked: Callable[[int], InboundMessage],
    *,
    sends: int,
    writers: int,
    chance: random.Random,
) -> list[str]:
    """Let people ask by number, and agents answer with a name of each reply; return the names."""
    waiting = deque(range(sends))
    names = {number: nonce(0, number, chance.getrandbits(32)) for number in range(sends)}

    async def write() -> None:
        while waiting:
            number = waiting.popleft()
            office = Office(store, tenant=tenants[number % len(tenants)])
            await insist(partial(office.write, asked(number)))
            turn = None
            while turn is None:
                turn = await insist(office.claim)
                if turn is None:
                    await asyncio.sleep(0.01)
            await insist(partial(office.complete, turn, names[number], sends=True))

    await asyncio.gather(*(write() for _ in range(writers)))
    return [*names.values()]


async def insist(work: Callable[[], Awaitable[_T]]) -> _T:
    """Do what a busy database refuses for now until it does not."""
    while True:
        try:
            return await work()
        except RetryLater:
            await asyncio.sleep(0.1)
