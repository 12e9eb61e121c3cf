"""How fast a message is made durable: the gateway beside two that keep nothing.

    make bench-ingest

Three servers take turns on the same processor, the generator and Postgres have the other one:
    bare         an ASGI app that answers a WebSocket message at once and stores nothing
    slack-bolt   slack_bolt's async app as documented: verifies the signature, stores nothing
    gateway      Konstruct's web chat: `accepted` after the commit, with dedupe key, order and audit
Capacity is measured closed-loop with a fixed number in flight; the latency of an acknowledgement
open-loop at a fixed rate, from the moment the message was due. Rounds are interleaved.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import connect

from message_path import NO_LIMITS
from processes import cpu_seconds, milliseconds, pin
from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.stack import Stack, free_port, running_stack, work_token
from support.visitor import Visitor, visiting

SIGNING_SECRET = "sample-signing-secret-not-real"  # noqa: S105 - plainly fake, both ends are here
PEERS = Path(__file__).with_name("ingest_peers.py")
SERVER_PROCESSOR, GENERATOR_PROCESSOR = 0, 1

Send = Callable[[int], Awaitable[None]]
"""Send one message over connection number n and return when it is acknowledged."""


async def main() -> None:
    """Run all rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=100.0, help="open loop, messages per second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="konstruct-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        async with running_stack(directory) as stack, AsyncExitStack() as exits:
            senders = {
                "bare": await bare(stack, exits, options.connections),
                "slack-bolt": await slack_bolt(stack, exits, options.connections),
                "gateway": await gateway(stack, exits, options.connections),
            }
            pin(stack.postgres.pid, GENERATOR_PROCESSOR)
            pin_self()
            await rounds(senders, options)


async def rounds(senders: dict[str, tuple[int, Send]], options: argparse.Namespace) -> None:
    """Interleave the servers round by round and print medians."""
    rates: dict[str, list[float]] = {name: [] for name in senders}
    latencies: dict[str, list[float]] = {name: [] for name in senders}
    costs: dict[str, list[float]] = {name: [] for name in senders}
    for _ in range(options.rounds):
        for name, (pid, send) in senders.items():
            before = cpu_seconds(pid)
            sent = await closed_loop(send, options.connections, options.seconds)
            costs[name].append((cpu_seconds(pid) - before) / sent)
            rates[name].append(sent / options.seconds)
            latencies[name] += await open_loop(
                send, options.connections, options.rate, options.seconds
            )
    print(f"{'server':11} {'stored':7} {'messages/s':>11} {'CPU ms':>7}   ack at")
    print(f"{'':11} {'':7} {'(median)':>11} {'each':>7}   {options.rate:.0f}/s, p50 / p99 / max ms")
    for name in senders:
        stored = "yes" if name == "gateway" else "no"
        print(
            f"{name:11} {stored:7} {statistics.median(rates[name]):11.0f}"
            f" {statistics.median(costs[name]) * 1000:7.2f}   {milliseconds(latencies[name])}"
        )


async def closed_loop(send: Send, connections: int, seconds: float) -> int:
    """Keep one message in flight on each connection; return how many were acknowledged."""
    end = time.monotonic() + seconds

    async def one(number: int) -> int:
        count = 0
        while time.monotonic() < end:
            await send(number)
            count += 1
        return count

    return sum(await asyncio.gather(*(one(number) for number in range(connections))))


async def open_loop(send: Send, connections: int, rate: float, seconds: float) -> list[float]:
    """Send at fixed times whatever the answers do; return seconds from due to acknowledged."""
    start = time.monotonic() + 0.1
    locks = [asyncio.Lock() for _ in range(connections)]

    async def one(number: int, due: float) -> float:
        async with locks[number]:
            await send(number)
        return time.monotonic() - due

    tasks = []
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.append(asyncio.create_task(one(number % connections, due)))
    return list(await asyncio.gather(*tasks))


async def bare(stack: Stack, exits: AsyncExitStack, connections: int) -> tuple[int, Send]:
    """Start the bare app and return how to send to it."""
    port = free_port()
    pid = await start_peer(stack, "bare", port)
    sockets = [
        await exits.enter_async_context(connect(f"ws://127.0.0.1:{port}/ws", proxy=None))
        for _ in range(connections)
    ]

    async def send(number: int) -> None:
        message = {"type": "message", "id": uuid.uuid4().hex, "text": "hello"}
        await sockets[number].send(json.dumps(message))
        await sockets[number].recv()

    return pid, send


async def slack_bolt(stack: Stack, exits: AsyncExitStack, connections: int) -> tuple[int, Send]:
    """Start slack_bolt's async app and return how to send it signed events."""
    port = free_port()
    pid = await start_peer(stack, "slack-bolt", port)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    for _reader, writer in streams:
        exits.callback(writer.close)

    async def send(number: int) -> None:
        # HTTP by hand: a client library would cost the generator more than the server does.
        reader, writer = streams[number]
        writer.write(signed_event())
        status = await reader.readline()
        assert b" 200 " in status, status
        length = 0
        while (line := await reader.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        await reader.readexactly(length)

    return pid, send


def signed_event() -> bytes:
    """Return one signed `app_mention` as an HTTP request."""
    event = {"type": "app_mention", "user": "U1", "text": "hello", "channel": "C1"}
    envelope = {"type": "event_callback", "event_id": uuid.uuid4().hex, "team_id": "T1"}
    body = json.dumps({**envelope, "event": event})
    stamp = str(int(time.time()))
    digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
    return (
        "POST /slack/events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest.hexdigest()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def gateway(stack: Stack, exits: AsyncExitStack, connections: int) -> tuple[int, Send]:
    """Start the gateway with one suspended tenant (stored, not answered) and return how to send."""
    program = await stack.start_gateway(environment=NO_LIMITS)
    tenant_id = uuid.uuid4()
    _token, digest = work_token(tenant_id)
    await stack.push(
        tenant_snapshot(
            tenant_id=tenant_id,
            name="acme",
            work_token_hashes=(digest,),
            agents=(agent_snapshot(tenant_id=tenant_id, name="ana"),),
            connections=(connection_snapshot(tenant_id=tenant_id, name="website", agent="ana"),),
        )
    )
    pin(program.process.pid, SERVER_PROCESSOR)
    visitors: list[Visitor] = [
        await exits.enter_async_context(visiting(stack.gateway_url, "acme/website"))
        for _ in range(connections)
    ]

    async def send(number: int) -> None:
        visitor = visitors[number]
        count = visitor.count("accepted") + 1
        await visitor.say("hello")
        await visitor.wait_for("accepted", count)

    return program.process.pid, send


async def start_peer(stack: Stack, name: str, port: int) -> int:
    """Start a peer pinned to the servers' processor; return its pid when it answers."""
    log = stack.directory / f"{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PEERS), name, str(port), stdout=output, stderr=output
        )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            pin(process.pid, SERVER_PROCESSOR)
            stack.adopt(name, process, log)
            return process.pid
        await asyncio.sleep(0.05)
    raise RuntimeError(log.read_text())


def pin_self() -> None:
    """Bind this process to the generator's processor."""
    os.sched_setaffinity(0, {GENERATOR_PROCESSOR})


if __name__ == "__main__":
    asyncio.run(main())
