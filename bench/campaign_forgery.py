"""Campaign S5: forged webhooks of every channel; none may be taken, and nothing may break.

    make campaign-forgery MUTANTS=1000000 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1 if
anything forged was taken, anything genuine refused, or anything answered 5xx.
"""

import argparse
import asyncio
import sys
import time

from support.campaigns import report
from support.campaigns.forgery import Plan, run
from support.postgres import TEMPLATE, Database, owned_postgres


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--mutants", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign S5, seed {plan.seed}")
    began = time.monotonic()
    async with owned_postgres() as server:
        result = await run(plan, Database(server, TEMPLATE))
    found = report.line("S5", seed=plan.seed, clean=result.clean, began=began, **vars(result))
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
