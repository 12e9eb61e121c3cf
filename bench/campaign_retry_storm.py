"""Campaign R7: every webhook comes one to six times, at once, in any order, up to a week late.

    make campaign-retry-storm EVENTS=57000 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless every acknowledged event was answered exactly once. The same seed makes the same deliveries.
"""

import argparse
import asyncio
import sys
import time

from support.campaigns import report
from support.campaigns.retry_storm import Plan, run
from support.postgres import TEMPLATE, Database, owned_postgres


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--events", type=int, default=57_000)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R7, seed {plan.seed}")
    began = time.monotonic()
    async with owned_postgres() as server:
        result = await run(plan, Database(server, TEMPLATE))
    return report.finish(
        report.line("R7", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
