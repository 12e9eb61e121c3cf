"""What one tenant's flood does to another tenant: acknowledgement and claim, with and without it.

    make bench-neighbour

The quiet tenant gets 40 events/s and a pod that claims and answers at once. In other rounds a noisy
tenant beside it gets 500 events/s, and a pod that works on 8 turns at a time, one second each; both
in a process of their own, its events made beforehand. The gateway has one processor; generators,
pods and Postgres the other. A control tells what the machine alone does to the quiet tenant: the
same flood into a gateway and a Postgres of its own, which share nothing with the quiet tenant but
the two processors and the disk. Latencies count from the moment an event was due.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import uvloop

from ingest import GENERATOR_PROCESSOR, SERVER_PROCESSOR, pin_self
from konstruct_registry.seals import seal
from processes import cpu_seconds, milliseconds, percentile, pin
from slack_load import APP, SIGNING_SECRET, TEAM, SlackLoad, signed_event
from slack_stub import yes_slack
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.stack import Stack, free_port, running_stack, work_token

_PREPARED_SECONDS = 40
_QUIET, _NOISY, _CONTROL = "quiet", "noisy", "control"


@dataclass
class Pod:
    """Claims turns over the work API, waits `seconds` on each, and answers."""

    url: str
    token: str
    seconds: float
    claimed: dict[str, float] = field(default_factory=dict)
    _boot: str = field(default_factory=lambda: str(uuid.uuid4()))

    async def run(self, claimers: int) -> None:
        """Work until cancelled."""
        headers = {"Authorization": f"Bearer {self.token}"}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self.url, headers=headers, connector=connector) as session:
            await asyncio.gather(*(self._claim_for_ever(session) for _ in range(claimers)))

    async def _claim_for_ever(self, session: aiohttp.ClientSession) -> None:
        while True:
            body = {"claim_id": str(uuid.uuid4()), "boot_id": self._boot, "wait_seconds": 20}
            async with session.post("/internal/work/claims", json=body) as answer:
                at = time.monotonic()
                if answer.status != 200:
                    await asyncio.sleep(0 if answer.status == 204 else 0.05)
                    continue
                turn = await answer.json()
            for line in turn["messages"]:
                self.claimed[line["text"].rsplit(" ", 1)[-1]] = at
            await asyncio.sleep(self.seconds)
            await session.post(
                f"/internal/work/turns/{turn['turn_id']}/complete",
                json={"parts": [{"part": 0, "text": "done"}]},
                headers={
                    "Konstruct-Attempt": str(turn["attempt"]),
                    "Konstruct-Turn-Token": turn["turn_token"],
                },
            )


@dataclass
class Figures:
    """Seconds of the quiet tenant's events; processor seconds of its programs and of the noise."""

    acknowledged: list[float] = field(default_factory=list)
    claimed: list[float] = field(default_factory=list)
    gateway: float = 0.0
    postgres: float = 0.0
    generator: float = 0.0


@dataclass(frozen=True)
class Place:
    """A gateway with its Postgres, and the tenants' work tokens."""

    gateway: int
    postgres: int
    public: int
    internal_url: str
    tokens: dict[str, str]


async def main() -> None:
    """Run the rounds and print the comparison, or be the noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of rounds")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each round")
    parser.add_argument("--quiet-rate", type=float, default=40.0)
    parser.add_argument("--noisy-rate", type=float, default=500.0)
    parser.add_argument("--noisy-claimers", type=int, default=8, help="0: nobody claims the flood")
    parser.add_argument("--noise", nargs=3, metavar=("PORT", "URL", "TOKEN"))
    options = parser.parse_args()
    if options.noise:
        await be_noisy(options)
        return
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(yes_slack())
        here, elsewhere = [await place(stack, slack) for _ in range(2)]
        await compare(here, elsewhere, options)


async def place(stack: AsyncExitStack, slack: str) -> Place:
    """Start a Postgres and a gateway, each on its processor, with both tenants."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="konstruct-bench-")))
    directory.chmod(0o755)
    running = await stack.enter_async_context(running_stack(directory))
    public, internal = free_port(), free_port()
    gateway = await running.start_gateway(
        public_port=public,
        internal_port=internal,
        environment={"KONSTRUCT_SLACK_API_URL": slack},
    )
    tokens = {name: await push(running, name) for name in (_QUIET, _NOISY)}
    pin(gateway.process.pid, SERVER_PROCESSOR)
    pin(running.postgres.pid, GENERATOR_PROCESSOR)
    url = f"http://127.0.0.1:{internal}"
    return Place(gateway.process.pid, running.postgres.pid, public, url, tokens)


async def compare(here: Place, elsewhere: Place, options: argparse.Namespace) -> None:
    """Measure the quiet tenant alone, beside a flood elsewhere and beside one here, in turns."""
    pin_self()
    pod = Pod(here.internal_url, here.tokens[_QUIET], 0.0)
    load = SlackLoad(here.public, f"/hooks/slack/{_QUIET}/team")
    working = asyncio.create_task(pod.run(8))
    found = {_QUIET: Figures(), _CONTROL: Figures(), _NOISY: Figures()}
    flooded = {_CONTROL: elsewhere, _NOISY: here}
    await one_round(load, pod, options, Figures(), 0)  # warm
    for number in range(options.rounds):
        for kind, figures in found.items():
            async with noise(flooded.get(kind), options, figures):
                before = cpu_seconds(here.gateway), cpu_seconds(here.postgres)
                await one_round(load, pod, options, figures, number)
                figures.gateway += cpu_seconds(here.gateway) - before[0]
                figures.postgres += cpu_seconds(here.postgres) - before[1]
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    report(found, options)


@asynccontextmanager
async def noise(
    flooded: Place | None, options: argparse.Namespace, figures: Figures
) -> AsyncIterator[None]:
    """Flood a place for as long as the block runs, from a process of its own."""
    if flooded is None:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *("--noisy-rate", str(options.noisy_rate), "--noisy-claimers", str(options.noisy_claimers)),
        *("--noise", str(flooded.public), flooded.internal_url, flooded.tokens[_NOISY]),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(3)
        before = cpu_seconds(process.pid)
        yield
        figures.generator += cpu_seconds(process.pid) - before
    finally:
        process.kill()
        await process.wait()
        await asyncio.sleep(1)


async def one_round(
    load: SlackLoad, pod: Pod, options: argparse.Namespace, figures: Figures, seed: int
) -> None:
    """Send one round's events and note when each was acknowledged and claimed."""
    pod.claimed.clear()
    outcome = await load.round(options.quiet_rate, options.seconds, seed=seed)
    await asyncio.sleep(0.5)
    figures.acknowledged += outcome.latencies
    figures.claimed += [
        pod.claimed[event] - outcome.due[event]
        for event in outcome.acknowledged
        if event in pod.claimed
    ]
    missing = len(outcome.acknowledged) - sum(e in pod.claimed for e in outcome.acknowledged)
    if missing or outcome.refused or outcome.unanswered:
        print(f"refused {outcome.refused}, unanswered {outcome.unanswered}, unclaimed {missing}")


def report(found: dict[str, Figures], options: argparse.Namespace) -> None:
    """Print the three columns, the ratios of their p99, and the processor time used."""
    titles = {_QUIET: "alone", _CONTROL: "flood elsewhere", _NOISY: "beside the flood"}
    print(f"{'p50 / p99 / max, ms':20}", *(f"{titles[kind]:>24}" for kind in found))
    for name in ("acknowledged", "claimed"):
        samples = {kind: getattr(figures, name) for kind, figures in found.items()}
        print(f"{name:20}", *(f"{milliseconds(one):>24}" for one in samples.values()))
        alone, control, beside = (percentile(one, 0.99) for one in samples.values())
        print(
            f"{'':8}p99 of alone: elsewhere x {control / alone:.2f}, beside x {beside / alone:.2f};"
            f" beside of elsewhere x {beside / control:.2f}"
            f" ({', '.join(str(len(one)) for one in samples.values())} events)"
        )
    seconds = options.rounds * options.seconds
    for name in ("gateway", "postgres", "generator"):
        busy = (getattr(figures, name) / seconds for figures in found.values())
        print(f"{name + ', busy':20}", *(f"{one:>23.0%}" for one in busy))


async def be_noisy(options: argparse.Namespace) -> None:
    """Flood until killed."""
    pin_self()
    port, url, token = options.noise
    path = f"/hooks/slack/{_NOISY}/team"
    prepared = [signed_event(path) for _ in range(int(options.noisy_rate * _PREPARED_SECONDS))]
    events = iter(prepared)
    print("ready", flush=True)
    pod = asyncio.create_task(Pod(url, token, 1.0).run(options.noisy_claimers))
    load = SlackLoad(int(port), path, lambda path: next(events, None) or signed_event(path))
    while not (pod.done() and options.noisy_claimers):
        await load.round(options.noisy_rate, 10.0, seed=1)


async def push(stack: Stack, name: str) -> str:
    """Register a tenant with a Slack connection; return its work token."""
    tenant_id = uuid.uuid4()
    token, digest = work_token(tenant_id)
    config = {"appId": APP, "teamId": TEAM}
    sealed = seal(
        {"botToken": "xoxb-sample", "signingSecret": SIGNING_SECRET},
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
            name=name,
            uid=name,
            work_token_hashes=(digest,),
            agents=(agent_snapshot(tenant_id=tenant_id, name="ana"),),
            connections=(
                connection_snapshot(tenant_id=tenant_id, name="team", type="Slack", config=config),
            ),
            secrets=(sealed,),
        )
    )
    return token


if __name__ == "__main__":
    uvloop.run(main())
