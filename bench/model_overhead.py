"""What the model service adds to one streamed call, beside calling the provider directly.

    .venv/bin/python bench/model_overhead.py [CALLS]

The provider (a process of its own) answers at once; the service runs on a real embedded Postgres
with fsync on. Direct and through-the-service calls alternate, one at a time. "To the provider" is
from sending the request to the provider's first byte of it; "in all" ends with the last byte.
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import httpx

from support.far_model import FarModel
from support.models import Caller, far_pool_model, known_tenant, serving_llm, write_pool
from support.postgres import Database, fresh_database, open_store, owned_postgres
from support.working import Office, publish

WARM_UP = 30


def provider(pipe: Connection) -> None:
    """Run the far model; send the time of the last request's arrival when asked."""

    async def serve() -> None:
        async with FarModel() as far:
            pipe.send((far.port, far.key))
            while True:
                await asyncio.to_thread(pipe.recv)
                pipe.send(far.ledger[-1].received_at)

    asyncio.run(serve())


def percentiles(name: str, milliseconds: list[float]) -> None:
    """Print one line of the table."""
    ordered = sorted(milliseconds)
    p99 = ordered[int(len(ordered) * 0.99) - 1]
    print(f"{name:34} p50 {statistics.median(ordered):6.1f} ms   p99 {p99:6.1f} ms")


async def direct(http: httpx.AsyncClient, url: str, key: str) -> tuple[float, float]:
    """Call the provider itself; return when the request was sent and when it was over."""
    body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {key}"}
    async with http.stream("POST", url, json=body, headers=headers) as response:
        async for _ in response.aiter_bytes():
            pass
    return began, time.monotonic()


async def through(http: httpx.AsyncClient, office: Office) -> tuple[float, float]:
    """Call the service for a fresh turn."""
    await office.write("hello")
    turn = await office.must_claim()
    caller = Caller("", turn)
    body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
    began = time.monotonic()
    async with http.stream(
        "POST", "/v1/chat/completions", json=body, headers=caller.headers()
    ) as response:
        async for _ in response.aiter_bytes():
            pass
    over = time.monotonic()
    await office.complete(turn)
    return began, over


async def measure(pipe: Connection, port: int, key: str, calls: int, database: Database) -> None:
    """Alternate both ways and print the table."""
    far = FarModel(key=key)
    far.port = port
    os.environ["KEY_FAR"] = key
    pool = write_pool(Path(tempfile.mkdtemp()), far_pool_model(far))
    table: dict[str, list[float]] = {}
    async with (
        open_store(database, "gateway") as store,
        serving_llm(database, models_file=pool) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as service,
        httpx.AsyncClient(timeout=60) as plain,
    ):
        office = Office(store, known_tenant())
        await publish(store, office.tenant)
        for number in range(calls + WARM_UP):
            ways = {"direct": await direct(plain, f"{far.url}/chat/completions", key)}
            pipe.send(None)
            arrived = {"direct": pipe.recv()}
            ways["through the service"] = await through(service, office)
            pipe.send(None)
            arrived["through the service"] = pipe.recv()
            for way, reached in arrived.items():
                began, over = ways[way]
                if number >= WARM_UP:
                    table.setdefault(f"{way}, to the provider", []).append((reached - began) * 1000)
                    table.setdefault(f"{way}, in all", []).append((over - began) * 1000)
    for name, milliseconds in sorted(table.items()):
        percentiles(name, milliseconds)


async def run(pipe: Connection, port: int, key: str, calls: int) -> None:
    """Start a durable database and measure on it."""
    async with owned_postgres() as server, fresh_database(server) as database:
        await measure(pipe, port, key, calls, database)


def main() -> None:
    """Start the provider, measure, stop it."""
    here, there = multiprocessing.Pipe()
    far = multiprocessing.get_context("fork").Process(target=provider, args=(there,), daemon=True)
    far.start()
    port, key = here.recv()
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    try:
        asyncio.run(run(here, port, key, calls))
    finally:
        far.terminate()


if __name__ == "__main__":
    main()
