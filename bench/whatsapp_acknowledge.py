"""How fast WhatsApp's deliveries are acknowledged and what a crash loses: the gateway beside pywa.

    make bench-whatsapp-acknowledge

As `acknowledge.py`, with Meta's patience of 250 ms: `pywa` and `pywa-async` are pywa on FastAPI as
its documentation shows, which answers first and works afterwards. Meta's default throughput is 80
messages a second for one number. Then every server gets deliveries of 1,000 messages each.
"""

import argparse
import itertools
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from aiohttp import web

from acknowledge import Hook, Server, crashes, open_gateway, open_peer, print_latencies, rounds
from ingest import GENERATOR_PROCESSOR, pin_self
from processes import milliseconds, pin
from slack_load import Outcome
from support.stack import Stack, running_stack
from support.whatsapp_events import APP_SECRET, CONFIG, VERIFY_TOKEN
from whatsapp_load import LATE_SECONDS, PATH, deliveries

PEERS = Path(__file__).with_name("whatsapp_peers.py")


async def main() -> None:
    """Run all rounds, the batches and the crashes, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[80, 240, 800])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--servers", nargs="+", default=["pywa", "pywa-async", "gateway"])
    parser.add_argument("--batches", type=int, default=5, help="deliveries of many messages")
    parser.add_argument("--batch", type=int, default=1000, help="messages in one of them")
    parser.add_argument("--crash-rate", type=float, default=80.0, help="0: no crashes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="konstruct-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        async with running_stack(directory) as stack, yes_graph() as graph:
            servers = [await open_server(stack, name, graph) for name in options.servers]
            pin(stack.postgres.pid, GENERATOR_PROCESSOR)
            pin_self()
            await rounds(servers, options)
            print_latencies(servers, options.rates, LATE_SECONDS)
            await batches(servers, options)
            if options.crash_rate:
                await crashes(servers, options)


async def open_server(stack: Stack, name: str, graph: str) -> Server:
    """Start one of them."""
    if name != "gateway":
        return await open_peer(stack, name, PEERS, (PATH, deliveries()))
    hook = Hook(
        channel_type="WhatsApp",
        path="/hooks/whatsapp/acme/team",
        config=CONFIG,
        credentials={
            "accessToken": "sample",
            "appSecret": APP_SECRET,
            "verifyToken": VERIFY_TOKEN,
        },
        environment={"KONSTRUCT_WHATSAPP_API_URL": graph},
        key_prefix="message/",
        deliver=deliveries(),
    )
    return await open_gateway(stack, hook)


async def batches(servers: Sequence[Server], options: argparse.Namespace) -> None:
    """Send deliveries of many messages, one after the other, and print how long each took."""
    print(f"\n{options.batches} deliveries of {options.batch} messages each, p50 / p99 / max, ms")
    for server in servers:
        outcome = Outcome()
        load = server.load.of(deliveries(options.batch))
        for number in range(options.batches):
            one = await load.round(1.0, 1.0, seed=options.seed + number)
            outcome.latencies += one.latencies
            outcome.refused += one.refused
            outcome.unanswered += one.unanswered
        load.close()
        print(
            f"{server.name:10} {milliseconds(outcome.latencies):>24}"
            f"   over {LATE_SECONDS * 1000:g} ms {outcome.late(LATE_SECONDS):.1%},"
            f" refused {outcome.refused}, unanswered {outcome.unanswered}"
        )


@asynccontextmanager
async def yes_graph() -> AsyncIterator[str]:
    """Serve a Graph API that says yes to everything; yield its address."""
    numbers = itertools.count(1)

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        answer = {"success": True, "messages": [{"id": f"wamid.OUT{next(numbers)}"}], "data": []}
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
