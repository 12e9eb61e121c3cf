"""Campaign R4: five faults under a steady load; the rate of answers must come back, nothing lost.

    make campaign-queue-chaos SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless every fault is outlived within ten seconds at 99 % of the answers, and nothing is lost.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.queue_chaos import Plan, run


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rate", type=float, default=Plan.rate)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R4, seed {plan.seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="konstruct-campaign-") as folder:
        result = await run(plan, Path(folder))
    found = report.line(
        "R4", seed=plan.seed, clean=result.clean, began=began, rate=plan.rate, **result.figures()
    )
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
