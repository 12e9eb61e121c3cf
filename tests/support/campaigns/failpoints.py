"""Campaign R2: a program dies at every boundary of a message's path, on both sides of it.

Boundaries are what ends a transaction in Postgres, every HTTP request between the programs and to
the vendors, and a visitor's frames. A first message in each channel shows which there are; then one
message for each of them is sent into a trap. Exactly one answer must come out, and the model must
have been asked at most twice. Meta cannot be asked whether it has a reply; one that it
never had may end as Unknown, shown to operators.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from support.campaigns.http_proxy import http_proxy
from support.campaigns.killer import again
from support.campaigns.ledgers import Verdict, answer_with_nonces, judge, nonce
from support.campaigns.people import Person, SlackEvents, SlackPerson, SlackReader, WebPerson
from support.campaigns.people_whatsapp import WhatsAppPerson, WhatsAppReader, watch_unknown
from support.campaigns.postgres_proxy import PostgresProxy
from support.campaigns.product import SECRET, SLACK, WEB_CHAT, WHATSAPP, Addresses, Product
from support.campaigns.report import progress, say
from support.campaigns.socket_proxy import SocketProxy
from support.campaigns.trap import Point, Trap
from support.far_graph import FarGraph, far_graph
from support.far_model import Answer, Behaviour, FarModel
from support.far_slack import far_slack
from support.stack import Program, Stack, running_stack

VISITOR, SLACK_CALLS, META_CALLS = "visitor>gateway", "slack>gateway", "meta>gateway"
HOPS: dict[str, tuple[str, ...]] = {
    VISITOR: ("gateway",),
    SLACK_CALLS: ("gateway",),
    META_CALLS: ("gateway",),
    "gateway>postgres": ("gateway",),
    "gateway>slack": ("gateway",),
    "gateway>meta": ("gateway",),
    "agent>gateway": ("agent", "gateway"),
    "agent>llm": ("agent", "llm"),
    "llm>postgres": ("llm",),
    "llm>provider": ("llm",),
}
"""Who is killed at a hop's boundaries: the caller, and the called where that is ours."""

MOST_MODEL_CALLS = 2
_IDLE_SECONDS = 6.0
_RETRIES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before each of a vendor's repetitions; vendors go on for longer than a program starts."""
_QUIET_SECONDS = 1.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Plan:
    """`points`: try so many, chosen by the seed, instead of all; `only`: those that say so."""

    seed: int
    points: int | None = None
    only: str = ""
    answer_seconds: float = 90.0
    idle_seconds: float = _IDLE_SECONDS
    quiet: bool = False


@dataclass(frozen=True)
class Case:
    """One failpoint: in which channel, where, and who dies."""

    channel: str
    point: Point
    victim: str

    def __str__(self) -> str:
        return f"{self.channel}: {self.victim} dies {self.point}"


@dataclass
class Result:
    """The verdict, and what became of the failpoints."""

    verdict: Verdict
    cases: int = 0
    reached: int = 0
    unreached: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    most_model_calls: int = 0
    unknown: int = 0
    """Replies over WhatsApp that Meta never had: shown as Unknown, because it cannot be asked."""
    boundaries: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Tell whether every message got one answer for at most two calls of the model."""
        few = self.most_model_calls <= MOST_MODEL_CALLS
        return self.verdict.clean and few and not self.unanswered and self.verdict.unasked == 0

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        return {**vars(self.verdict), **{k: v for k, v in vars(self).items() if k != "verdict"}}


@dataclass
class _House:
    """The product with a proxy on every hop, and a person in each channel."""

    plan: Plan
    stack: Stack
    product: Product
    trap: Trap
    people: dict[str, Person]
    reader: SlackReader
    numbers: WhatsAppReader
    asked: Counter[str]
    programs: dict[str, Program]
    said: Any = field(default_factory=itertools.count)
    told: str = ""

    async def speak(self, channel: str, chance: random.Random) -> str:
        """Write one message and return once it is acknowledged."""
        name = nonce(0, next(self.said), chance.getrandbits(32))
        await self.people[channel].say([name])
        return name

    async def until_answered(self, channel: str, name: str) -> bool:
        """Wait until the message is answered; False when that does not happen in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.plan.answer_seconds):
                while not self._answered(channel, name):  # noqa: ASYNC110 - people look
                    await asyncio.sleep(_LOOK_SECONDS)
                return True
        return False

    def _answered(self, channel: str, name: str) -> bool:
        self.reader.look()
        self.numbers.look()
        return any(name in one.replied_at for one in self.people[channel].conversations)

    async def kill(self, victim: str) -> None:
        """End a program without warning, and with it the leases of what it was sending."""
        await self.programs[victim].kill()
        if victim == "gateway":
            await self.product.end_delivery_leases()

    async def revive(self, victim: str) -> None:
        """Start it again."""
        self.programs[victim] = await again(self.product.starts[victim])

    async def attempt(self, case: Case, chance: random.Random) -> tuple[bool, bool]:
        """Send one message into the trap; return whether it sprang, and whether it was answered."""

        async def kill() -> None:
            await self.kill(case.victim)

        self.trap.arm(case.point, kill)
        name = nonce(0, next(self.said), chance.getrandbits(32))
        speaking = asyncio.create_task(self.people[case.channel].say([name]))
        waiting = asyncio.create_task(self.until_answered(case.channel, name))
        springing = asyncio.create_task(self.trap.sprung.wait())
        await asyncio.wait({waiting, springing}, return_when=asyncio.FIRST_COMPLETED)
        if not springing.done():
            # Perhaps after the answer: what settles it may still be under way.
            await asyncio.wait({springing}, timeout=_QUIET_SECONDS)
        springing.cancel()
        self.trap.disarm()
        reached = self.trap.sprung.is_set()
        if reached:
            await self.revive(case.victim)
        answered = await waiting
        speaking.cancel()
        await asyncio.gather(speaking, springing, return_exceptions=True)
        await asyncio.sleep(_LOOK_SECONDS)
        return reached, answered


async def run(plan: Plan, directory: Path) -> Result:
    """Run the campaign in `directory` and return what the oracle found."""
    chance = random.Random(plan.seed)
    async with AsyncExitStack() as exits:
        house = await _open(plan, directory, exits)
        cases = await _cases(plan, house, chance)
        result = Result(Verdict(), cases=len(cases))
        result.boundaries = dict(Counter(one.point.hop for one in cases))
        async with progress(lambda: house.told, quiet=plan.quiet):
            for number, case in enumerate(cases, 1):
                house.told = f"{number}/{len(cases)} {case}"
                reached, answered = await house.attempt(case, chance)
                result.reached += reached
                if not reached:
                    result.unreached.append(str(case))
                if not answered:
                    result.unanswered.append(str(case))
                    if not plan.quiet:
                        say(f"unanswered: {case}")
            await asyncio.sleep(_QUIET_SECONDS)
        house.numbers.unknown(await house.product.unknown_texts())
        stray, result.unknown = house.numbers.conclude()
        stray += house.reader.conclude()
        conversations = [one for person in house.people.values() for one in person.conversations]
        result.verdict = judge(conversations)
        result.verdict.contradictions += len(stray)
        result.most_model_calls = max(house.asked.values(), default=0)
        return result


async def _cases(plan: Plan, house: _House, chance: random.Random) -> list[Case]:
    """Return every failpoint of a message in each channel, or as many as the plan wants."""
    found: list[Case] = []
    for channel in house.people:  # the first message of a conversation opens what later ones use
        await house.until_answered(channel, await house.speak(channel, chance))
    await asyncio.sleep(_QUIET_SECONDS)
    house.trap.seen.clear()
    await asyncio.sleep(plan.idle_seconds)
    idle = set(house.trap.seen)
    for channel in house.people:
        house.trap.seen.clear()
        await house.until_answered(channel, await house.speak(channel, chance))
        await asyncio.sleep(_QUIET_SECONDS)
        for (hop, label, side), count in sorted(house.trap.seen.items()):
            if (hop, label, side) in idle:
                continue
            most = 1 if hop == VISITOR else count
            for nth, victim in itertools.product(range(1, most + 1), HOPS[hop]):
                found.append(Case(channel, Point(hop, label, side, nth), victim))
    found = [one for one in found if plan.only in str(one)]
    if plan.points is not None:
        found = chance.sample(found, min(plan.points, len(found)))
    return found


async def _open(plan: Plan, directory: Path, exits: AsyncExitStack) -> _House:
    trap, asked = Trap(), Counter[str]()

    def rule(body: dict[str, Any]) -> Behaviour:
        answer = answer_with_nonces(body)
        asked.update(answer.text.split() if isinstance(answer, Answer) else ())
        return answer

    model = await exits.enter_async_context(FarModel(rule=rule))
    far = await exits.enter_async_context(far_slack())
    meta = await exits.enter_async_context(far_graph(FarGraph(pair_burst=1e6, per_second=1e6)))
    stack = await exits.enter_async_context(running_stack(directory))
    product = await _proxied(plan, stack, trap, model, {"slack": far.url, "meta": meta.url}, exits)
    programs = {name: await start() for name, start in product.starts.items()}
    await product.push()
    http = await exits.enter_async_context(aiohttp.ClientSession())
    web, slack, whatsapp = await _people(plan, http, product, trap, exits)
    meta.numbers[0].webhook = whatsapp.url
    numbers = WhatsAppReader(meta, [whatsapp])
    watching = asyncio.create_task(watch_unknown(product.unknown_texts, numbers))
    exits.callback(watching.cancel)
    people: dict[str, Person] = {"web chat": web, "Slack": slack, "WhatsApp": whatsapp}
    reader = SlackReader(far, [slack])
    return _House(plan, stack, product, trap, people, reader, numbers, asked, programs)


async def _people(
    plan: Plan, http: aiohttp.ClientSession, product: Product, trap: Trap, exits: AsyncExitStack
) -> tuple[WebPerson, SlackPerson, WhatsAppPerson]:
    """Return somebody who writes in each channel, through a proxy."""
    chance = random.Random(plan.seed)
    visitors = await exits.enter_async_context(SocketProxy(trap, VISITOR, product.public_port))
    slack_hooks = await exits.enter_async_context(http_proxy(trap, SLACK_CALLS, product.url))
    meta_hooks = await exits.enter_async_context(http_proxy(trap, META_CALLS, product.url))
    web = await exits.enter_async_context(WebPerson(http, visitors.url, WEB_CHAT))
    events = SlackEvents(http, f"{slack_hooks}/hooks/slack/{SLACK}", SECRET, retries=_RETRIES)
    stamps = (f"{int(time.time())}.{number:06d}" for number in itertools.count())
    slack = SlackPerson(events, "D0EVA", chance, lambda: next(stamps))
    hook = f"{meta_hooks}/hooks/whatsapp/{WHATSAPP}"
    whatsapp = WhatsAppPerson(http, hook, "16505550101", chance, retries=_RETRIES)
    slack.again_share = whatsapp.again_share = 0.0
    return web, slack, whatsapp


async def _proxied(
    plan: Plan,
    stack: Stack,
    trap: Trap,
    model: FarModel,
    vendors: dict[str, str],
    exits: AsyncExitStack,
) -> Product:
    """Return the product with its addresses leading through proxies."""

    async def http(hop: str, far: str) -> str:
        return await exits.enter_async_context(http_proxy(trap, hop, far))

    databases = {}
    for program in ("gateway", "llm"):
        proxy = PostgresProxy(trap, f"{program}>postgres", stack.postgres.port)
        await exits.enter_async_context(proxy)
        databases[program] = proxy.url_of(stack.database_url(program))
    product = Product(stack, Addresses("", ""), plan.seed, model.key, gather_milliseconds=0)
    product.addresses = Addresses(
        model=await http("llm>provider", model.url.removesuffix("/v1")) + "/v1",
        slack=await http("gateway>slack", vendors["slack"].removesuffix("/api/")) + "/api/",
        whatsapp=await http("gateway>meta", vendors["meta"].removesuffix("/")) + "/",
        gateway=await http("agent>gateway", f"http://127.0.0.1:{product.internal_port}"),
        llm=await http("agent>llm", f"http://127.0.0.1:{product.llm_port}"),
        databases=databases,
    )
    return product
