"""Campaign R9: every field of every kind changed to what can go wrong, and back.

    make campaign-resources SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless every change was refused clearly, or came to rest as declared and back. A change that went
wrong runs alone with --only and its text. Needs a test cluster, as the benches of the operator do.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.resources import Plan, run
from support.cluster import open_cluster


def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--transitions", type=int, default=Plan.transitions)
    parser.add_argument("--lanes", type=int, default=Plan.lanes)
    parser.add_argument("--minutes", type=float, default=Plan.minutes)
    parser.add_argument("--only", default="")
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R9, seed {plan.seed}")
    began = time.monotonic()
    with open_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(plan, cluster, Path(folder)))
    found = report.line("R9", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(main())
