"""Memory of the model service's vendor over 4,000 calls against a local provider.

    .venv/bin/python bench/litellm_memory.py [CALLS]

Alternates plain and tool-bearing streamed calls, eight at a time, through the same code path as the
service (`konstruct_llm.vendor`), and prints resident memory, latency and the slope after warm-up.
The provider runs in a process of its own, so that its memory is not counted.
"""

import asyncio
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from konstruct_llm.pool import PoolModel
from konstruct_llm.provider import ChatCall, Deployment, LateVendor, Vendor
from support.far_model import FarModel

CONCURRENCY = 8
LONG = " ".join(str(number) for number in range(60))
TOOLS = [{"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}]


def provider(pipe: Connection) -> None:
    """Run the far model until the parent goes away."""

    async def serve() -> None:
        async with FarModel() as far:
            pipe.send((far.url, far.key))
            parent = os.getppid()
            while os.getppid() == parent:
                await asyncio.sleep(1)
                far.ledger.clear()

    asyncio.run(serve())


def resident() -> float:
    """Return this process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


async def one(vendor: Vendor, deployment: Deployment, number: int) -> float:
    """Make one call; return its milliseconds."""
    call = ChatCall(
        messages=[{"role": "user", "content": f"message {number}: " + LONG}],
        tools=TOOLS if number % 2 else (),
    )
    began = time.perf_counter()
    async for _ in vendor.stream(deployment, call, timeout_seconds=30):
        pass
    return (time.perf_counter() - began) * 1000


async def measure(url: str, key: str, calls: int) -> None:
    """Make the calls and print what they did to memory."""
    print(f"python {platform.python_version()}, litellm {metadata.version('litellm')}")
    print(f"before the import      {resident():7.1f} MB")
    late = LateVendor()
    began = time.perf_counter()
    vendor = await late.get()
    print(f"imported, warmed up    {resident():7.1f} MB   {time.perf_counter() - began:.1f} s")
    model = PoolModel(name="far", model="openai/far-1", api_base=url)
    deployment = Deployment(model, api_key=key)
    marks: list[tuple[int, float]] = []
    took: list[float] = []
    cpu = time.process_time()
    for start in range(0, calls, CONCURRENCY):
        numbers = range(start, min(start + CONCURRENCY, calls))
        took += await asyncio.gather(*(one(vendor, deployment, one_) for one_ in numbers))
        done = numbers[-1] + 1
        if done % 500 == 0:
            marks.append((done, resident()))
            print(f"after {done:5d} calls      {marks[-1][1]:7.1f} MB")
    cpu = time.process_time() - cpu
    singly = sorted([await one(vendor, deployment, number) for number in range(300)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1_000_000
    print(f"peak                   {peak:7.1f} MB")
    if len(marks) > 2:
        slope = statistics.linear_regression(*zip(*marks[1:], strict=True)).slope
        print(f"slope after the first 1,000 calls: {slope * 1000:+.2f} MB per 1,000 calls")
    print(f"CPU per call {cpu / calls * 1000:.1f} ms (client side, {CONCURRENCY} at a time)")
    print(f"one at a time: p50 {singly[150]:.1f} ms, p99 {singly[297]:.1f} ms")
    await late.close()


def main() -> None:
    """Start the provider, measure, stop it."""
    here, there = multiprocessing.Pipe()
    far = multiprocessing.get_context("fork").Process(target=provider, args=(there,), daemon=True)
    far.start()
    url, key = here.recv()
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    asyncio.run(measure(url, key, calls))
    far.terminate()


if __name__ == "__main__":
    main()
