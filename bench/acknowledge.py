"""How fast a Slack event is acknowledged and what a crash loses: the gateway beside slack_bolt.

    make bench-acknowledge

Four servers take turns on one processor; the generator and Postgres have the other one:
    sync      slack_bolt behind FastAPI as documented; the work is a thread of the same process
    async     slack_bolt's async app behind its ASGI adapter; the work is a task of the same process
    durable   the same with one insert (asyncpg, a key that dedupes) before the acknowledgement
    gateway   Konstruct's Slack hook: committed with dedupe key, order, conversation and dispatch
Open loop: Poisson times fixed before the round, and a latency counts from its moment. Rounds are
interleaved; the table has medians over them. Then every server is killed (SIGKILL) under load,
started again, and asked for the work of what it had acknowledged.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import uvloop

from acknowledge_peers import PATH, TABLE
from ingest import GENERATOR_PROCESSOR, SERVER_PROCESSOR, pin_self
from konstruct_registry.seals import seal
from processes import cpu_seconds, percentile, pin
from slack_load import (
    APP,
    LATE_SECONDS,
    SIGNING_SECRET,
    TEAM,
    Deliver,
    Outcome,
    SlackLoad,
    signed_event,
)
from slack_stub import yes_slack
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.postgres import TEMPLATE
from support.stack import Program, Stack, free_port, running_stack, work_token

PEERS = Path(__file__).with_name("acknowledge_peers.py")
HOOK = "/hooks/slack/acme/team"
WORK_SECONDS = 1.0
"""How long the work on a message takes in the crash part: a quick answer of a model."""

_PASSING_SECONDS = 3.0
_SETTINGS = {"KONSTRUCT_MAX_RECEIVING_PER_TENANT": "100000"}


@dataclass(frozen=True)
class Hook:
    """A vendor's hook at the gateway: its connection, and what names a delivery in a dedupe key."""

    channel_type: str
    path: str
    config: Mapping[str, str]
    credentials: Mapping[str, str]
    environment: Mapping[str, str]
    key_prefix: str
    deliver: Deliver


@dataclass
class Server:
    """One of the four. `undone` returns which of these events nobody works on after a restart."""

    name: str
    start: Callable[[], Awaitable[Program]]
    load: SlackLoad
    undone: Callable[[Sequence[str]], Awaitable[set[str]]]
    stored: Callable[[Sequence[str]], Awaitable[set[str]]]
    program: Program
    outcomes: dict[float, list[Outcome]] = field(default_factory=dict)
    costs: dict[float, list[float]] = field(default_factory=dict)


async def main() -> None:
    """Run all rounds and the crashes, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[100, 400, 1600, 3200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--servers", nargs="+", default=["sync", "async", "durable", "gateway"])
    parser.add_argument("--crash-rate", type=float, default=100.0, help="0: no crashes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="konstruct-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        async with running_stack(directory) as stack, yes_slack() as slack:
            servers = [await open_server(stack, name, slack) for name in options.servers]
            pin(stack.postgres.pid, GENERATOR_PROCESSOR)
            pin_self()
            await rounds(servers, options)
            print_latencies(servers, options.rates)
            if options.crash_rate:
                await crashes(servers, options)


async def rounds(servers: list[Server], options: argparse.Namespace) -> None:
    """Interleave the servers, rate by rate."""
    for server in servers:
        await server.load.round(50, 2, seed=0)  # warm
    for number in range(options.rounds):
        for rate in options.rates:
            for server in servers:
                before = cpu_seconds(server.program.process.pid)
                outcome = await server.load.round(rate, options.seconds, seed=options.seed + number)
                used = cpu_seconds(server.program.process.pid) - before
                server.outcomes.setdefault(rate, []).append(outcome)
                answered = max(1, len(outcome.acknowledged))
                server.costs.setdefault(rate, []).append(used / answered)
                await asyncio.sleep(0.2)


def print_latencies(
    servers: list[Server], rates: Sequence[float], patience: float = LATE_SECONDS
) -> None:
    """Print medians over the rounds; late is what took longer than the vendor's patience."""
    print(f"{'events/s':>8} {'server':8} {'p50':>8} {'p99':>8} {'p99.9':>8} ms {'late':>7}  CPU ms")
    for rate in rates:
        for server in servers:
            found = server.outcomes[rate]
            shares = [
                statistics.median(percentile(one.latencies or [0.0], share) for one in found)
                for share in (0.5, 0.99, 0.999)
            ]
            late = statistics.median(one.late(patience) for one in found)
            cost = statistics.median(server.costs[rate])
            cells = " ".join(f"{share * 1000:8.1f}" for share in shares)
            print(f"{rate:8.0f} {server.name:8} {cells}    {late:7.2%}  {cost * 1000:6.2f}")


async def crashes(servers: list[Server], options: argparse.Namespace) -> None:
    """Kill each server under load, start it again, and see what became of what it acknowledged."""
    print(f"\nSIGKILL under {options.crash_rate:g} events/s, work of {WORK_SECONDS:g} s each")
    print(f"{'server':8} {'acknowledged':>12} {'not stored':>10} {'work lost':>10}")
    for server in servers:
        running = asyncio.create_task(server.load.round(options.crash_rate, 4.0, seed=options.seed))
        await asyncio.sleep(2.5)
        await server.program.kill()
        outcome = await running
        server.load.close()
        server.program = await server.start()
        acknowledged = outcome.acknowledged
        stored = await server.stored(acknowledged)
        undone = await server.undone(acknowledged)
        gone = len(set(acknowledged) - stored)
        print(f"{server.name:8} {len(acknowledged):12} {gone:10} {len(undone):10}")


async def open_server(stack: Stack, name: str, slack: str) -> Server:
    """Start one of the four."""
    if name == "gateway":
        return await open_gateway(stack, slack_hook(slack))
    url: list[str] = []
    if name == "durable":
        owner = await asyncpg.connect(stack.postgres.url(TEMPLATE))
        await owner.execute("CREATE DATABASE durable")
        await owner.close()
        url = [stack.postgres.url("durable")]
        there = await asyncpg.connect(url[0])
        await there.execute(TABLE)
        await there.close()
    return await open_peer(stack, name, PEERS, (PATH, signed_event), url)


def slack_hook(slack: str) -> Hook:
    """Return the Slack hook, whose vendor answers at `slack`."""
    return Hook(
        channel_type="Slack",
        path=HOOK,
        config={"appId": APP, "teamId": TEAM},
        credentials={"botToken": "xoxb-sample", "signingSecret": SIGNING_SECRET},
        environment={"KONSTRUCT_SLACK_API_URL": slack},
        key_prefix="event/",
        deliver=signed_event,
    )


async def open_peer(
    stack: Stack, name: str, script: Path, called: tuple[str, Deliver], url: Sequence[str] = ()
) -> Server:
    """Start a peer: `script` serves mode `name`. `called` is its path and what is sent there."""
    port, worked = free_port(), stack.directory / f"{name}.worked"
    worked.touch()

    async def start() -> Program:
        log = stack.directory / f"{name}-{port}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(script),
                *(name, str(port), str(worked), str(WORK_SECONDS), *url),
                stdout=output,
                stderr=output,
            )
        program = stack.adopt(name, process, log)
        await listening(program, port)
        pin(process.pid, SERVER_PROCESSOR)
        return program

    async def undone(events: Sequence[str]) -> set[str]:
        await asyncio.sleep(WORK_SECONDS + _PASSING_SECONDS)
        return set(events) - set(worked.read_text().split())

    async def stored(events: Sequence[str]) -> set[str]:
        if not url:
            return set(worked.read_text().split()) & set(events)
        return await keys(url[0], "SELECT key FROM received WHERE key = any($1)", events)

    return Server(name, start, SlackLoad(port, *called), undone, stored, await start())


async def open_gateway(stack: Stack, hook: Hook) -> Server:
    """Start the gateway with a tenant whose agent is away: what is stored stays to be claimed."""
    public, internal = free_port(), free_port()
    tenant_id = uuid.uuid4()
    token, digest = work_token(tenant_id)

    async def start() -> Program:
        program = await stack.start_gateway(
            public_port=public,
            internal_port=internal,
            environment={**_SETTINGS, **hook.environment},
        )
        pin(program.process.pid, SERVER_PROCESSOR)
        return program

    program = await start()
    team = connection_snapshot(
        tenant_id=tenant_id, name="team", type=hook.channel_type, config=dict(hook.config)
    )
    sealed = seal(
        dict(hook.credentials),
        recipient=stack.gateway_seal.public_key,
        tenant_id=tenant_id,
        object_name="ChannelConnection/team",
        purpose="channel",
        secret_uid="u",  # noqa: S106 - an object's id
        secret_resource_version="1",  # noqa: S106 - its version
    )
    await stack.push(
        tenant_snapshot(
            tenant_id=tenant_id,
            name="acme",
            work_token_hashes=(digest,),
            agents=(agent_snapshot(tenant_id=tenant_id, name="ana"),),
            connections=(team,),
            secrets=(sealed,),
        )
    )

    async def undone(events: Sequence[str]) -> set[str]:
        return set(events) - await claimed(f"http://127.0.0.1:{internal}", token)

    async def stored(events: Sequence[str]) -> set[str]:
        query = "SELECT replace(key, $1, '') FROM konstruct.dedupe_keys"
        return set(events) & await keys(owner_url(stack), query, hook.key_prefix)

    load = SlackLoad(public, hook.path, hook.deliver)
    return Server("gateway", start, load, undone, stored, program)


def owner_url(stack: Stack) -> str:
    """Return the URL of the stack's database for a superuser, whom no row is hidden from."""
    return stack.postgres.url(TEMPLATE)


async def keys(url: str, query: str, *arguments: str | Sequence[str]) -> set[str]:
    """Return the first column of a query."""
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch(query, *arguments)}
    finally:
        await connection.close()


async def claimed(url: str, token: str) -> set[str]:
    """Claim and complete everything that is due; return the events that were among it."""
    found: set[str] = set()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        while True:
            body = {
                "claim_id": str(uuid.uuid4()),
                "boot_id": str(uuid.UUID(int=1)),
                "wait_seconds": 2,
            }
            answer = await client.post("/internal/work/claims", json=body, timeout=20)
            if answer.status_code == 204:
                return found
            turn = answer.raise_for_status().json()
            found |= {line["text"].rsplit(" ", 1)[-1] for line in turn["messages"]}
            done = await client.post(
                f"/internal/work/turns/{turn['turn_id']}/complete",
                json={"parts": [{"part": 0, "text": "done"}]},
                headers={
                    "Konstruct-Attempt": str(turn["attempt"]),
                    "Konstruct-Turn-Token": turn["turn_token"],
                },
            )
            done.raise_for_status()


async def listening(program: Program, port: int) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(program.tail())


if __name__ == "__main__":
    uvloop.run(main())
