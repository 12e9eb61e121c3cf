"""Campaign R3: Slack takes a message, and its answer is lost, late or an error.

    make campaign-ambiguous-send SENDS=10000 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1 if
any message is visible twice. What nobody ever saw is printed as unresolved.
"""

import argparse
import asyncio
import sys
import time

from support.campaigns import report
from support.campaigns.ambiguous_send import Plan, run
from support.postgres import TEMPLATE, Database, owned_postgres


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sends", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R3, seed {plan.seed}")
    began = time.monotonic()
    async with owned_postgres() as server:
        result = await run(plan, Database(server, TEMPLATE))
    found = report.line("R3", seed=plan.seed, clean=result.clean, began=began, **vars(result))
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
