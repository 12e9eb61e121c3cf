"""Campaign R7: each webhook comes one to six times, at once, in any order, up to a week late.

The gateway's own hooks take them, in this process, on a real Postgres; its own sender writes to a
far end that keeps what people see: of Slack, and of WhatsApp, which sends several at a time. Time
is simulated for what is signed or too old, and the stored keys grow older by a day after each
simulated day, so that what tidies them up is tried too.
"""

import asyncio
import contextvars
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nacl.public import PrivateKey
from starlette.types import ASGIApp

from konstruct_channels.outbound import Outgoing
from konstruct_gateway.app import open_gateway
from konstruct_gateway.edge.apps import public_app
from konstruct_gateway.parts import Parts
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store.errors import RetryLater, TurnLost
from support.campaigns.asgi import call
from support.campaigns.ledgers import NONCE, Conversation, Verdict, judge
from support.campaigns.report import progress, silent_logs
from support.campaigns.storm_vendors import (
    Call,
    Delivery,
    calls,
    message,
    place_of,
    storm_tenant,
)
from support.gateways import settings_for
from support.postgres import Database, open_store
from support.stack import encode_key
from support.working import Office, publish

_DAYS_OF_EVENTS = 2
_LATEST = timedelta(days=7)
_DAYS = _DAYS_OF_EVENTS + _LATEST.days + 1
_QUIET_SECONDS = 3.0


@dataclass(frozen=True)
class Plan:
    """`events` webhooks in all, each delivered 1 to 6 times: 3.5 on average."""

    seed: int
    events: int
    tenants: int = 4
    at_once: int = 48
    seconds: float = 7200.0
    drain_seconds: float = 300.0
    quiet: bool = False


@dataclass
class Result:
    """What came of it. `deliveries` are counted by channel; `answers` are the hooks' statuses."""

    verdict: Verdict
    events: int
    deliveries: dict[str, int]
    answers: dict[int, int]
    refused: int

    @property
    def clean(self) -> bool:
        """Tell whether nothing was lost, doubled or refused."""
        return self.verdict.clean and not self.refused

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        rest = {"events": self.events, "deliveries": self.deliveries, "answers": self.answers}
        return {**vars(self.verdict), **rest, "refused": self.refused}


@dataclass
class _FarChannel:
    """The far end of every tenant's channel: what people see, by delivery."""

    seen: list[tuple[str, str]] = field(default_factory=list)

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        self.seen.append((place_of(config, outgoing.conversation_key), outgoing.text))
        return f"1.{len(self.seen):06d}"


_simulated: contextvars.ContextVar[datetime] = contextvars.ContextVar("simulated")


async def run(plan: Plan, database: Database) -> Result:
    """Run the campaign on a migrated database of its own."""
    far = _FarChannel()
    key = PrivateKey.generate()
    tenants = [storm_tenant(number, key) for number in range(plan.tenants)]
    settings = settings_for(
        database.url("gateway"),
        seal_private_keys=encode_key(key),
        poll_seconds=0.1,
        later_seconds=1e6,
        database_connections=16,
    )
    async with AsyncExitStack() as exits:
        exits.enter_context(silent_logs())
        store = await exits.enter_async_context(open_store(database, "gateway", maximum=8))
        await publish(store, *tenants)
        outbounds = {"Slack": far, "WhatsApp": far}
        gateway = await exits.enter_async_context(open_gateway(settings, outbounds=outbounds))
        storm = _Storm(plan, tenants, _app(gateway.parts), far)
        answering = [
            asyncio.create_task(_answer(Office(store, tenant=one), storm)) for one in tenants
        ]
        try:
            async with progress(storm.told, quiet=plan.quiet), asyncio.timeout(plan.seconds):
                for day, deliveries in enumerate(_by_day(plan)):
                    await storm.deliver(deliveries)
                    await _age(database, days=1)
                    await gateway.parts.housekeeper.tidy()
                    storm.day = day + 1
                await storm.settle()
        finally:
            for task in answering:
                task.cancel()
            await asyncio.gather(*answering, return_exceptions=True)
        return storm.result()


def _app(parts: Parts) -> ASGIApp:
    """Return the gateway's public app with a clock that each delivery sets for itself."""
    hooks = dataclasses.replace(parts.hooks, now=_simulated.get)
    return public_app(dataclasses.replace(parts, hooks=hooks))


async def _answer(office: Office, storm: "_Storm") -> None:
    """Answer as an agent would: with the names of what was asked."""
    while True:
        try:
            turn = await office.claim()
            if turn is None:
                await asyncio.sleep(0.05)
                continue
            asked = [name for line in turn.messages for name in NONCE.findall(line.text)]
            await office.complete(turn, " ".join(asked), sends=True)
        except (RetryLater, TurnLost):
            storm.answers["agent tried again"] += 1
            await asyncio.sleep(0.1)


@dataclass
class _Storm:
    plan: Plan
    tenants: list[TenantSnapshot]
    app: ASGIApp
    far: _FarChannel
    day: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    answers: Counter[Any] = field(default_factory=Counter)
    conversations: dict[str, Conversation] = field(default_factory=dict)

    def told(self) -> str:
        made, seen = self.delivered.total(), len(self.far.seen)
        return f"day {self.day}/{_DAYS}, {made} deliveries, {seen} replies"

    async def deliver(self, deliveries: list[Delivery]) -> None:
        """Deliver all, `at_once` at a time."""
        chance = random.Random(f"{self.plan.seed}/{self.day}")
        waiting = calls(deliveries, self.tenants, chance)
        await asyncio.gather(*(self._work(waiting) for _ in range(self.plan.at_once)))

    async def _work(self, waiting: Iterator[tuple[Call, Sequence[Delivery]]]) -> None:
        for made, deliveries in waiting:
            await self._deliver(made, deliveries)

    async def _deliver(self, made: Call, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            conversation = self.conversations.setdefault(one.place, Conversation(one.place))
            conversation.said_at.setdefault(one.name, one.at)
        _simulated.set(made.at)
        for _ in range(10):  # a 503 asks for one more
            status = await call(self.app, made.path, made.body, made.headers)
            self.answers[status] += 1
            if status == 200:
                for one in deliveries:
                    self.conversations[one.place].accepted.setdefault(one.name, one.at)
                break
            await asyncio.sleep(0.05)
        else:
            self.refused += 1
        for one in deliveries:
            self.delivered[one.channel] += 1

    async def settle(self) -> None:
        """Wait until everything is answered, and until nothing comes any more."""
        ends = time.monotonic() + self.plan.drain_seconds
        wanted = sum(len(one.accepted) for one in self.conversations.values())
        while time.monotonic() < ends:
            before = len(self.far.seen)
            await asyncio.sleep(_QUIET_SECONDS)
            answered = {name for _, text in self.far.seen for name in NONCE.findall(text)}
            if len(self.far.seen) == before and len(answered) >= wanted:
                return

    def result(self) -> Result:
        stray: list[str] = []
        for place, text in self.far.seen:
            owner = self.conversations.get(place)
            (stray if owner is None else owner.replies).append(text)
        verdict = judge(self.conversations.values())
        verdict.reordered = 0  # they were sent in no order
        verdict.contradictions += verdict.note("stray", Conversation("far end"), stray)
        verdict.examples = [one for one in verdict.examples if not one.startswith("reordered")]
        return Result(
            verdict, self.plan.events, dict(self.delivered), dict(self.answers), self.refused
        )


def _by_day(plan: Plan) -> list[list[Delivery]]:
    """Return each simulated day's deliveries in their order."""
    chance = random.Random(plan.seed)
    days: list[list[Delivery]] = [[] for _ in range(_DAYS)]
    made = 0
    number = 0
    while made < plan.events:
        at = chance.uniform(0, _DAYS_OF_EVENTS * 86_400)
        people = max(1, plan.events // 60)
        events = message(chance, number, at=at, tenants=plan.tenants, people=people)
        number += 1
        made += len(events)
        for one in events:
            for at in _times(chance, one.at):
                days[int(at // 86_400)].append(dataclasses.replace(one, at=at))
    return [sorted(day) for day in days]


def _times(chance: random.Random, at: float) -> Iterator[float]:
    """Yield when an event is delivered: at once, again within seconds, hours or a week."""
    for _ in range(chance.randint(1, 6)):
        longest = chance.choice((0.0, 2.0, 300.0, 3600.0, 86_400.0, _LATEST.total_seconds()))
        yield at + chance.uniform(0, longest)


async def _age(database: Database, *, days: int) -> None:
    """Make every stored key older."""
    await database.run(
        "UPDATE konstruct.dedupe_keys SET received_at = received_at - $1 * interval '1 day'",
        float(days),
    )
