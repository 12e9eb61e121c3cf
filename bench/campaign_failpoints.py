"""Campaign R2: a program dies at every boundary of a message's path, on both sides of it.

    make campaign-failpoints SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless every message got exactly one answer for at most two calls of the model. `--points N` tries
N of the failpoints, chosen by the seed; `--only TEXT` those whose description has it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from support.campaigns import report
from support.campaigns.failpoints import Plan, run


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--points", type=int, default=None)
    parser.add_argument("--only", default="", help="only failpoints whose description has this")
    plan = Plan(**vars(parser.parse_args()))
    report.say(f"campaign R2, seed {plan.seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="konstruct-campaign-") as folder:
        result = await run(plan, Path(folder))
    found = report.line("R2", seed=plan.seed, clean=result.clean, began=began, **result.figures())
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
