"""Campaign R11: outages of the API server of eight kinds; no change of a resource may be lost.

    make campaign-api-server OUTAGES=200 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1 if a
change was missed or a silent watch was noticed too late.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.api_server_outages import Plan, run
from support.cluster import open_cluster


def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--outages", type=int, default=Plan.outages)
    parser.add_argument("--silences", type=int, default=Plan.silences)
    parser.add_argument("--tenants", type=int, default=Plan.tenants)
    parser.add_argument("--agents", type=int, default=Plan.agents)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R11, seed {plan.seed}")
    began = time.monotonic()
    with open_cluster() as cluster, tempfile.TemporaryDirectory(prefix="konstruct-campaign-") as at:
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        result = asyncio.run(run(plan, cluster, Path(at)))
    found = report.line("R11", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(main())
