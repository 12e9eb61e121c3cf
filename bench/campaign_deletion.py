"""Campaign R12: tenants end in every way there is, while the operator comes and goes.

    make campaign-deletion TENANTS=2000 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless every Tenant ended and left nothing, and no other was touched. One tenant runs alone with
--only and its number. Needs a test cluster.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.deletion import Plan, run
from support.cluster import open_cluster


def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--tenants", type=int, default=Plan.tenants)
    parser.add_argument("--minutes", type=float, default=Plan.minutes)
    parser.add_argument("--lanes", type=int, default=Plan.lanes)
    parser.add_argument("--only", type=int, default=Plan.only)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R12, seed {plan.seed}")
    began = time.monotonic()
    with open_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(plan, cluster, Path(folder)))
    found = report.line("R12", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(main())
