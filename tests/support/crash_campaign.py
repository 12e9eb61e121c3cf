"""Campaign R1: kill anything at any time; every accepted message gets exactly one reply, in order.

The load is people in web chat, the model is a far end that answers with the nonces of what it was
asked, and the oracle reads only the people's ledgers, never the product's own counters.
"""

import asyncio
import random
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.faithful_visitor import FaithfulVisitor, Ledger
from support.far_model import Answer, Behaviour, FarModel
from support.stack import Program, Stack, free_port, running_stack, work_token

TARGETS = ("gateway", "agent", "llm", "postgres")
NO_LIMITS = {
    "KONSTRUCT_FRAMES_BURST": "1000000",
    "KONSTRUCT_MESSAGES_BURST": "1000000",
    "KONSTRUCT_TICKETS_BURST": "1000000",
    "KONSTRUCT_LEASE_SECONDS": "3",
    "KONSTRUCT_MAX_ATTEMPTS": "1000",
}
_NONCE = re.compile(r"nonce:([\w-]+)")


@dataclass(frozen=True)
class Plan:
    """One campaign. Equal plans with equal seeds kill the same programs at the same times."""

    seed: int
    messages: int
    kills: int
    visitors: int = 8
    seconds_between_kills: float = 1.5
    drain_seconds: float = 120.0
    targets: Sequence[str] = TARGETS


@dataclass
class Verdict:
    """What the oracle found; a clean run has four zeros."""

    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    contradictions: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    reconnections: int = 0
    model_calls: int = 0

    @property
    def clean(self) -> bool:
        """Tell whether nothing was lost, doubled, reordered or contradicted."""
        return not (self.lost or self.doubled or self.reordered or self.contradictions)


async def run(plan: Plan, directory: Path) -> Verdict:
    """Run the campaign in `directory` and return the oracle's verdict."""
    chance = random.Random(plan.seed)
    async with (
        FarModel(rule=answer_with_nonces) as far,
        running_stack(directory) as stack,
        AsyncExitStack() as exits,
    ):
        killer = await _start(stack, far, directory, chance)
        people = [
            await exits.enter_async_context(FaithfulVisitor(stack.gateway_url, "acme/website"))
            for _ in range(plan.visitors)
        ]
        speaking = asyncio.gather(
            *(_speak(person, plan, random.Random(chance.random())) for person in people)
        )
        kills = await killer.rampage(plan, speaking)
        await speaking
        for person in people:
            try:
                await person.until_answered(seconds=plan.drain_seconds)
            except TimeoutError:
                break
        verdict = judge([person.ledger for person in people])
        verdict.kills = kills
        verdict.model_calls = len(far.chats)
        return verdict


def judge(ledgers: Sequence[Ledger]) -> Verdict:
    """Return what the people's ledgers prove."""
    verdict = Verdict()
    for ledger in ledgers:
        answered = [
            nonce for seq in sorted(ledger.replies) for nonce in ledger.replies[seq].split()
        ]
        counts = Counter(answered)
        in_order = sorted(ledger.accepted, key=lambda nonce: ledger.accepted[nonce])
        verdict.accepted += len(ledger.accepted)
        verdict.lost += sum(1 for nonce in ledger.accepted if not counts[nonce])
        verdict.doubled += sum(count - 1 for count in counts.values() if count > 1)
        firsts = list(dict.fromkeys(answered))
        verdict.reordered += firsts != [nonce for nonce in in_order if counts[nonce]]
        verdict.contradictions += len(ledger.contradictions)
        verdict.reconnections += max(0, ledger.connections - 1)
    return verdict


def answer_with_nonces(body: dict[str, Any]) -> Behaviour:
    """Answer with the nonces of what was said since the last answer."""
    nonces: list[str] = []
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "assistant":
            break
        if message.get("role") == "user":
            nonces = _NONCE.findall(str(message.get("content"))) + nonces
    return Answer(text=" ".join(nonces) or "nothing", token_seconds=0.002)


class _Killer:
    """Kills programs and starts them again where they were."""

    def __init__(self, start: dict[str, Any], chance: random.Random) -> None:
        self.running: dict[str, Program] = {}
        self._start = start
        self._chance = chance

    async def start_all(self) -> None:
        for name in ("gateway", "llm", "agent"):
            self.running[name] = await self._start[name]()

    async def rampage(self, plan: Plan, speaking: asyncio.Future[Any]) -> Counter[str]:
        kills: Counter[str] = Counter()
        for _ in range(plan.kills):
            await asyncio.sleep(self._chance.uniform(0.3, 2) * plan.seconds_between_kills)
            target = self._chance.choice(list(plan.targets))
            kills[target] += 1
            if target == "postgres":
                await self._start["postgres"]()
            else:
                await self.running[target].kill()
                self.running[target] = await self._start[target]()
            if speaking.done():
                break
        return kills


async def _start(stack: Stack, far: FarModel, directory: Path, chance: random.Random) -> _Killer:
    models = directory / "models.yaml"
    models.write_text(
        f"models:\n- name: far\n  model: openai/far\n  apiBase: {far.url}\n"
        "  apiKeyEnv: FAR_KEY\n  contextTokens: 128000\n"
    )
    tenant_id = uuid.UUID(int=chance.getrandbits(128), version=4)
    token, digest = work_token(tenant_id)
    ports = {"public_port": free_port(), "internal_port": free_port(), "llm": free_port()}
    killer = _Killer(
        {
            "gateway": lambda: stack.start_gateway(
                public_port=ports["public_port"],
                internal_port=ports["internal_port"],
                environment=NO_LIMITS,
            ),
            "llm": lambda: stack.start_llm(
                {
                    "KONSTRUCT_MODELS_FILE": str(models),
                    "FAR_KEY": far.key,
                    "KONSTRUCT_PORT": str(ports["llm"]),
                }
            ),
            "agent": lambda: stack.start_agent(tenant_id, token, pod="ana-0"),
            "postgres": stack.postgres.restart,
        },
        chance,
    )
    await killer.start_all()
    await stack.push(
        tenant_snapshot(
            tenant_id=tenant_id,
            name="acme",
            work_token_hashes=(digest,),
            agents=(agent_snapshot(tenant_id=tenant_id, name="ana"),),
            connections=(connection_snapshot(tenant_id=tenant_id, name="website", agent="ana"),),
        )
    )
    return killer


async def _speak(person: FaithfulVisitor, plan: Plan, chance: random.Random) -> None:
    """Say this person's share, spread over the time that the kills will take."""
    count = -(-plan.messages // plan.visitors)
    mean = plan.kills * plan.seconds_between_kills * 1.5 / count
    for number in range(count):
        await person.say(f"n{number}-{uuid.UUID(int=chance.getrandbits(128)).hex[:12]}")
        # Now and then in one breath, so that turns cover several messages.
        if chance.random() < 0.8:
            await asyncio.sleep(chance.uniform(0, 2.5) * mean)
