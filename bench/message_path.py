"""What the platform adds to a message: T1 to T2, T3 to T4, CPU per message, memory per program.

    make bench-message-path

Open loop: visitors of web chat write at Poisson times that were fixed before the run, and a latency
counts from its moment. T1: the message is written to the socket. T2: the model provider has the
request. T3: it has sent its last token. T4: the reply is at the visitor. Provider, visitors and
clock are in this process; Postgres, gateway, llm and agent are processes of their own.
"""

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from processes import cpu_seconds, milliseconds, resident_mib
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.far_model import Answer, Behaviour, FarModel, Rule
from support.stack import Program, Stack, running_stack, work_token
from support.visitor import Visitor, visiting

#: Rate limits protect people from each other; one address writes all of this load.
NO_LIMITS = {
    "KONSTRUCT_FRAMES_BURST": "1000000",
    "KONSTRUCT_MESSAGES_BURST": "1000000",
    "KONSTRUCT_TICKETS_BURST": "10000",
}


@dataclass(frozen=True)
class Sample:
    """One message's stamps, seconds of the monotonic clock."""

    nonce: str
    due: float
    written: float
    replied: float


def answering(words: int) -> Rule:
    """Return the provider's rule: answer at once with that many words, each a chunk of its own."""

    def answer(_body: dict[str, Any]) -> Behaviour:
        return Answer(text="word " * words)

    return answer


async def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="messages per second")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the measured part")
    parser.add_argument("--visitors", type=int, default=40, help="conversations")
    parser.add_argument("--turns", type=int, default=20, help="turns before the measured part")
    parser.add_argument("--words", type=int, nargs="+", default=[30], help="chunks per answer")
    parser.add_argument("--client", default="LiteLLM", help="Direct: without litellm")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="konstruct-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        async with FarModel() as far, running_stack(directory) as stack:
            programs = await start(stack, far, options.client)
            async with contextlib.AsyncExitStack() as sockets:
                visitors = [
                    await sockets.enter_async_context(visiting(stack.gateway_url, "acme/website"))
                    for _ in range(options.visitors)
                ]
                await warm_up(visitors, options.turns)
                for words in options.words:
                    far.rule = answering(words)
                    print(f"--- {words} words, {options.rate:g} messages per second")
                    await measure(stack, far, programs, visitors, options)
                await null_run(far, options)


async def start(stack: Stack, far: FarModel, client: str) -> list[Program]:
    """Start gateway, llm and one agent of one tenant; return them."""
    gateway = await stack.start_gateway(environment=NO_LIMITS)
    llm = await stack.start_llm_with(far.url, far.key, client=client)
    tenant_id = uuid.uuid4()
    token, digest = work_token(tenant_id)
    agent = agent_snapshot(tenant_id=tenant_id, name="ana")
    connection = connection_snapshot(tenant_id=tenant_id, name="website", agent="ana")
    await stack.push(
        tenant_snapshot(
            tenant_id=tenant_id,
            name="acme",
            work_token_hashes=(digest,),
            agents=(agent,),
            connections=(connection,),
        )
    )
    pod = await stack.start_agent(tenant_id, token, pod="ana-0")
    return [gateway, llm, pod]


async def warm_up(visitors: list[Visitor], turns: int) -> None:
    """Give every conversation its past: `turns` turns, one after the other in each."""

    async def talk(visitor: Visitor) -> None:
        for number in range(turns):
            await visitor.ask(f"warm-up {number} nonce:warm-{uuid.uuid4().hex}")

    await asyncio.gather(*(talk(visitor) for visitor in visitors))


async def measure(
    stack: Stack,
    far: FarModel,
    programs: list[Program],
    visitors: list[Visitor],
    options: argparse.Namespace,
) -> None:
    """Send at the fixed times, wait for every reply, print the figures."""
    chance = random.Random(options.seed)
    pids = {program.name: program.process.pid for program in programs}
    pids["postgres"] = stack.postgres.pid
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    far.ledger.clear()
    tasks: list[asyncio.Task[Sample]] = []
    due = time.monotonic() + 0.5
    end = due + options.seconds
    turn = 0
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        visitor = visitors[turn % len(visitors)]
        tasks.append(asyncio.create_task(one_message(visitor, due)))
        turn += 1
        due += chance.expovariate(options.rate)
    samples = await asyncio.gather(*tasks)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    report(far, list(samples), used, pids)


async def one_message(visitor: Visitor, due: float) -> Sample:
    """Write one message and wait for the reply to it."""
    nonce = uuid.uuid4().hex
    count = visitor.count("reply") + 1
    await visitor.say(f"hello nonce:{nonce}")
    written = time.monotonic()
    replied, _ = await visitor.wait_for("reply", count)
    return Sample(nonce=nonce, due=due, written=written, replied=replied)


def report(
    far: FarModel, samples: list[Sample], used: dict[str, float], pids: dict[str, int]
) -> None:
    """Print latency, CPU and memory."""
    entries = {entry.nonce: entry for entry in far.chats}
    matched = [(sample, entries[sample.nonce]) for sample in samples if sample.nonce in entries]
    print(f"messages {len(samples)}, model calls {len(far.chats)}")
    print("                     p50 / p99 / max, ms")
    print("T1 -> T2            ", milliseconds(e.received_at - s.due for s, e in matched))
    print("T3 -> T4            ", milliseconds(s.replied - e.last_token_at for s, e in matched))
    print("written -> replied  ", milliseconds(s.replied - s.written for s in samples))
    for name, seconds in used.items():
        print(
            f"{name:9} CPU {seconds * 1000 / len(samples):6.2f} ms/message,"
            f" memory {resident_mib(pids[name]):6.1f} MiB"
        )
    print(f"all       CPU {sum(used.values()) * 1000 / len(samples):6.2f} ms/message")


async def null_run(far: FarModel, options: argparse.Namespace) -> None:
    """Send the same load straight at the provider: what generator and provider cost alone."""
    chance = random.Random(options.seed)
    far.ledger.clear()
    delays: list[float] = []
    async with httpx.AsyncClient(trust_env=False) as client:

        async def call(due: float) -> None:
            nonce = uuid.uuid4().hex
            body = {"model": "far", "messages": [{"role": "user", "content": f"nonce:{nonce}"}]}
            await client.post(
                f"{far.url}/chat/completions",
                content=json.dumps(body),
                headers={"Authorization": f"Bearer {far.key}"},
            )
            entry = next(one for one in far.ledger if one.nonce == nonce)
            delays.append(entry.received_at - due)

        due = time.monotonic() + 0.2
        end = due + min(10.0, options.seconds)
        tasks = []
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.append(asyncio.create_task(call(due)))
            due += chance.expovariate(options.rate)
        await asyncio.gather(*tasks)
    print("null run, T1 -> T2  ", milliseconds(delays))


if __name__ == "__main__":
    asyncio.run(main())
