"""Campaign R10: an operator that dies after any of its writes, and one that is told lies.

    make campaign-views SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless every tenant's life led to the same as an undisturbed one. A life that went wrong runs alone
with --seed and its number, --seeds 1 and --every 0. Needs a test cluster.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.views import Plan, run
from support.cluster import open_cluster


def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--every", type=int, default=Plan.every)
    parser.add_argument("--seeds", type=int, default=Plan.seeds)
    parser.add_argument("--minutes", type=float, default=Plan.minutes)
    parser.add_argument("--lanes", type=int, default=Plan.lanes)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R10, seed {plan.seed}")
    began = time.monotonic()
    with open_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(plan, cluster, Path(folder)))
    found = report.line("R10", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(main())
