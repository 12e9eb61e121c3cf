"""Campaign R1, at any length: kill anything at any time, and count what was lost or doubled.

    make campaign-crash KILLS=1000 MESSAGES=100000 SEED=1

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1
unless the oracle finds nothing and everything was acknowledged. The same seed kills the same
programs after as many messages.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from support.campaigns import report
from support.campaigns.crash import Plan, run


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--seconds", type=float, default=Plan.seconds)
    options = parser.parse_args()
    plan = Plan(**vars(options))
    report.say(f"campaign R1, seed {plan.seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="konstruct-campaign-") as folder:
        result = await run(plan, Path(folder))
    # What ended as Unknown was acknowledged too; the verdict counts it apart.
    whole = result.clean and result.verdict.accepted + result.unknown >= plan.messages
    asked = {"asked": {name: asdict(plan)[name] for name in ("messages", "kills", "rate")}}
    return report.finish(
        report.line("R1", seed=plan.seed, clean=whole, began=began, **asked, **result.figures())
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
