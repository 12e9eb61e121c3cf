"""Campaign R1, at any length: kill anything at any time, and count what was lost or doubled.

    make campaign-crash KILLS=1000 MESSAGES=100000 SEED=1

Prints one JSON line with the seed and the oracle's verdict; ends with 1 unless it is clean. The
same seed kills the same programs at the same times.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from support.crash_campaign import Plan, run


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--visitors", type=int, default=16)
    options = parser.parse_args()
    plan = Plan(
        seed=options.seed,
        messages=options.messages,
        kills=options.kills,
        visitors=options.visitors,
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="konstruct-campaign-") as folder:
        verdict = await run(plan, Path(folder))
    line = {
        "campaign": "R1",
        **vars(plan),
        **vars(verdict),
        "clean": verdict.clean,
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(line))
    return 0 if verdict.clean and verdict.accepted >= plan.messages else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
