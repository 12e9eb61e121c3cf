"""Campaign R1: kill anything at any time; every acknowledged message gets exactly one reply.

People write in web chat, Slack and WhatsApp, in bursts that one turn may cover. The model and the
vendors are far ends in this process; gateway, llm, agent and Postgres are processes that are
killed. The oracle reads only what people and far ends saw.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from support.campaigns.busy_slack import busy_slack
from support.campaigns.killer import Killer
from support.campaigns.ledgers import (
    Conversation,
    Verdict,
    answer_with_nonces,
    judge,
    nonce,
    recoveries,
)
from support.campaigns.people import Person, SlackEvents, SlackPerson, SlackReader, WebPerson
from support.campaigns.people_whatsapp import WhatsAppPerson, WhatsAppReader, watch_unknown
from support.campaigns.product import SECRET, WEB_CHAT, Addresses, Product
from support.campaigns.report import percentiles, progress, say
from support.far_graph import FarGraph, far_graph
from support.far_model import FarModel
from support.far_slack import far_slack
from support.stack import running_stack

TARGETS = ("gateway", "agent", "llm", "postgres")
_MOST_UNANSWERED = 12
_BURST = 5
_LOOK_SECONDS = 0.2
_LONGEST_SEND_SECONDS = 10.0


@dataclass(frozen=True)
class Plan:
    """One campaign. Equal plans with equal seeds kill the same programs after as many messages.

    `rate`: messages a second that people write at most; they slow down when answers are slow.
    `seconds`: people stop writing after that, whatever was reached. `settle_seconds`: how long
    after the last kill people keep watching, because a delivery in doubt is taken up again when its
    lease ends, and must not appear twice then. `hurried`: a dead sender's leases are ended once
    nothing comes any longer, for a short run.
    """

    seed: int
    messages: int
    kills: int
    visitors: int = 24
    direct: int = 32
    mentioning: int = 8
    whatsapp: int = 16
    rate: float = 45.0
    seconds: float = 7200.0
    drain_seconds: float = 300.0
    settle_seconds: float = 75.0
    targets: Sequence[str] = TARGETS
    quiet: bool = False
    hurried: bool = False


@dataclass
class Result:
    """The verdict, and what went on meanwhile."""

    verdict: Verdict
    kills: dict[str, int]
    reconnections: int
    model_calls: int
    slack_answers: dict[int, int]
    unknown: int
    """Replies over WhatsApp that Meta never had: shown as Unknown, because it cannot be asked."""
    recovery: dict[str, dict[str, float]]

    @property
    def clean(self) -> bool:
        """Tell whether the oracle has nothing to say."""
        return self.verdict.clean

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        return {
            **vars(self.verdict),
            "kills": self.kills,
            "reconnections": self.reconnections,
            "model_calls": self.model_calls,
            "slack_answers": self.slack_answers,
            "unknown": self.unknown,
            "recovery_seconds": self.recovery,
        }


@dataclass
class _Town:
    """The people, and what they saw."""

    plan: Plan
    visitors: list[WebPerson] = field(default_factory=list)
    slack: list[SlackPerson] = field(default_factory=list)
    whatsapp: list[WhatsAppPerson] = field(default_factory=list)
    accepted: int = 0
    over: bool = False

    def conversations(self) -> list[Conversation]:
        people: list[Person] = [*self.visitors, *self.slack, *self.whatsapp]
        return [one for person in people for one in person.conversations]

    def unanswered(self) -> int:
        return sum(one.unanswered for one in self.conversations())

    @property
    def _wanted(self) -> bool:
        return self.accepted < self.plan.messages and not self.over

    async def talk(self) -> None:
        """Let everybody write until enough was acknowledged or the time is over."""
        chance = random.Random(self.plan.seed)
        people: list[Person] = [*self.visitors, *self.slack, *self.whatsapp]
        speaking = [
            asyncio.create_task(self._speak(number, person, random.Random(chance.random())))
            for number, person in enumerate(people)
        ]
        done, pending = await asyncio.wait(speaking, timeout=self.plan.seconds)
        self.over = True
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    async def _speak(self, number: int, person: Person, chance: random.Random) -> None:
        everybody = len(self.visitors) + len(self.slack) + len(self.whatsapp)
        pause = everybody * (1 + _BURST) / 2 / self.plan.rate
        await asyncio.sleep(chance.uniform(0, min(pause, 1)))
        for names in _bursts(number, chance):
            left = self.plan.messages - self.accepted
            if left <= 0 or self.over:
                return
            taken = await person.say(names[:left])
            self.accepted += taken
            await asyncio.sleep(chance.uniform(0, 2 * pause))
            # Not after the last message: what is never answered would keep the person here.
            while self._wanted and _behind(person) >= _MOST_UNANSWERED:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)


def _bursts(person: int, chance: random.Random) -> Iterator[list[str]]:
    numbers = itertools.count()
    while True:
        count = chance.randint(1, _BURST)
        yield [nonce(person, next(numbers), chance.getrandbits(32)) for _ in range(count)]


def _behind(person: Person) -> int:
    return sum(one.unanswered for one in list(person.conversations)[-_MOST_UNANSWERED:])


async def run(plan: Plan, directory: Path) -> Result:
    """Run the campaign in `directory` and return what the oracle found."""
    far = busy_slack()
    async with (
        FarModel(rule=answer_with_nonces) as model,
        far_slack(far),
        far_graph(FarGraph(pair_burst=1e6, per_second=1e6)) as meta,
        running_stack(directory) as stack,
        AsyncExitStack() as exits,
    ):
        addresses = Addresses(model.url, far.url, whatsapp=meta.url)
        product = Product(stack, addresses, plan.seed, model.key)
        meta.numbers[0].webhook = product.whatsapp_hook
        killer = Killer(product.starts, stack.postgres.restart)
        await killer.start_all()
        await product.push()
        http = await exits.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        town = _Town(plan)
        for _ in range(plan.visitors):
            person = WebPerson(http, product.url, WEB_CHAT)
            town.visitors.append(await exits.enter_async_context(person))
        events = SlackEvents(http, product.slack_hook, SECRET)
        town.slack += _slack_people(plan, events)
        town.whatsapp += _whatsapp_people(plan, http, product.whatsapp_hook)
        reader = SlackReader(far, town.slack)
        numbers = WhatsAppReader(meta, town.whatsapp)
        calls = _Calls(model)
        tasks = [
            asyncio.create_task(_watch((reader.look, numbers.look, calls.count))),
            asyncio.create_task(watch_unknown(product.unknown_texts, numbers)),
        ]
        try:
            async with progress(lambda: _told(town, killer, plan), quiet=plan.quiet):
                await _rage(plan, town, killer)
                hurry = product.end_delivery_leases if plan.hurried else None
                await _drain(plan, town, killer, hurry)
        finally:
            for task in tasks:
                task.cancel()
        calls.count()
        numbers.unknown(await product.unknown_texts())
        stray, unknown = numbers.conclude()
        stray += reader.conclude()
        verdict = judge(town.conversations())
        verdict.contradictions += verdict.note("stray", Conversation("vendors"), stray)
        if not verdict.clean:
            _explain(reader, killer)
        return _result(town, killer, verdict, calls.made, events, unknown)


async def _rage(plan: Plan, town: _Town, killer: Killer) -> None:
    killing = asyncio.create_task(
        killer.rampage(
            plan.seed,
            kills=plan.kills,
            messages=plan.messages,
            targets=plan.targets,
            accepted=lambda: town.accepted,
        )
    )
    talking = asyncio.create_task(town.talk())
    try:
        await asyncio.wait({killing, talking}, return_when=asyncio.FIRST_EXCEPTION)
        if killing.done():
            killing.result()
        await talking
    finally:
        for task in (killing, talking):
            if not task.done():
                task.cancel()
        await asyncio.gather(killing, talking, return_exceptions=True)
    await killer.until_up()


async def _drain(
    plan: Plan, town: _Town, killer: Killer, hurry: Callable[[], Awaitable[None]] | None
) -> None:
    """Wait until everything is answered, and then as long as something could come twice."""
    ends = time.monotonic() + plan.drain_seconds
    still, left = time.monotonic(), -1
    while town.unanswered() and time.monotonic() < ends:
        await asyncio.sleep(_LOOK_SECONDS)
        now = town.unanswered()
        still, left = (still, left) if now == left else (time.monotonic(), now)
        if hurry is not None and time.monotonic() - still > _LONGEST_SEND_SECONDS:
            await hurry()
            still = time.monotonic()
    last = killer.moments[-1][0] if killer.moments else 0.0
    await asyncio.sleep(max(1.0, last + plan.settle_seconds - time.monotonic()))


class _Calls:
    """Counts the model's calls and lets go of their bodies."""

    def __init__(self, model: FarModel) -> None:
        self._model = model
        self.made = 0

    def count(self) -> None:
        self.made += len(self._model.chats)
        self._model.ledger.clear()


async def _watch(looks: Sequence[Callable[[], None]]) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for look in looks:
            look()


def _explain(reader: SlackReader, killer: Killer) -> None:
    for line in reader.evidence():
        say(line)
    for at, target in killer.moments:
        say(f"killed {target} at {at:.3f}")


def _told(town: _Town, killer: Killer, plan: Plan) -> str:
    return (
        f"{town.accepted}/{plan.messages} messages, {len(killer.moments)}/{plan.kills} kills,"
        f" {town.unanswered()} unanswered, {len(killer.starting)} coming up"
    )


def _result(
    town: _Town,
    killer: Killer,
    verdict: Verdict,
    model_calls: int,
    events: SlackEvents,
    unknown: int,
) -> Result:
    recovery: dict[str, dict[str, float]] = {}
    conversations = town.conversations()
    for target in sorted({name for _, name in killer.moments}):
        moments = [at for at, name in killer.moments if name == target]
        heard, answered = recoveries(conversations, moments)
        recovery[f"{target}: heard"] = percentiles(heard)
        recovery[f"{target}: answered"] = percentiles(answered)
    return Result(
        verdict=verdict,
        kills=dict(killer.kills),
        reconnections=sum(max(0, one.connections - 1) for one in town.visitors),
        model_calls=model_calls,
        slack_answers=dict(events.statuses),
        unknown=unknown,
        recovery=recovery,
    )


def _whatsapp_people(plan: Plan, http: aiohttp.ClientSession, hook: str) -> list[WhatsAppPerson]:
    chance = random.Random(plan.seed + 2)
    return [
        WhatsAppPerson(http, hook, f"1650555{number:04d}", random.Random(chance.random()))
        for number in range(plan.whatsapp)
    ]


def _slack_people(plan: Plan, events: SlackEvents) -> list[SlackPerson]:
    chance = random.Random(plan.seed + 1)
    began = int(time.time())
    numbers = itertools.count()

    def stamp() -> str:
        number = next(numbers)
        return f"{began + number // 1000}.{number % 1000:06d}"

    people = [(f"D{number:04d}", False) for number in range(plan.direct)]
    people += [(f"C{number:04d}", True) for number in range(plan.mentioning)]
    return [
        SlackPerson(events, channel, random.Random(chance.random()), stamp, mentions=mentions)
        for channel, mentions in people
    ]
