"""Campaign S1: generated SQL as each program inside one tenant; no other tenant may show.

    make campaign-tenancy STATEMENTS=1000000 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1 if a
row, count, error, notice or plan showed another tenant, or another's row was touched.
"""

import argparse
import asyncio
import sys
import time

from support.campaigns import report
from support.campaigns.tenancy import Plan, run
from support.postgres import TEMPLATE, Database, owned_postgres


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=Plan.tenants)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign S1, seed {plan.seed}")
    began = time.monotonic()
    async with owned_postgres() as server:
        result = await run(plan, Database(server, TEMPLATE))
    found = report.line(
        "S1",
        seed=plan.seed,
        clean=result.clean,
        began=began,
        tenants=plan.tenants,
        **result.figures(),
    )
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
