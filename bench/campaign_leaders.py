"""Campaign R13: operators that hand over leadership in four ways; never two may write at once.

    make campaign-leaders HANDOVERS=200 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1 if an
operator wrote while another led, or nobody led for longer than 15 seconds.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.leaders import Plan, run
from support.cluster import open_cluster


def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--handovers", type=int, default=Plan.handovers)
    parser.add_argument("--replicas", type=int, default=Plan.replicas)
    parser.add_argument("--longest-stop", type=float, default=Plan.longest_stop)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R13, seed {plan.seed}")
    began = time.monotonic()
    with open_cluster() as cluster, tempfile.TemporaryDirectory(prefix="konstruct-campaign-") as at:
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        result = asyncio.run(run(plan, cluster, Path(at)))
    found = report.line("R13", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(main())
