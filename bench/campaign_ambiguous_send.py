"""Campaign R3: a vendor takes a message, and its answer is lost, late or an error.

    make campaign-ambiguous-send SENDS=10000 SEED=1 CHANNEL=slack

Prints its seed at once, progress to standard error, and one JSON line at its end; ends with 1 if
any message is visible twice. With Slack, what nobody ever saw is printed as unresolved; with
WhatsApp, everything that is Unknown must be explained by what Meta took and told, and nothing may
be posted again without a verdict.
"""

import argparse
import asyncio
import sys
import time

from support.campaigns import ambiguous_send, ambiguous_whatsapp, report
from support.postgres import TEMPLATE, Database, owned_postgres


async def main() -> int:
    """Run one campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sends", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--channel", choices=("slack", "whatsapp"), default="slack")
    given = vars(parser.parse_args())
    campaign = ambiguous_whatsapp if given.pop("channel") == "whatsapp" else ambiguous_send
    plan = campaign.Plan(**given)
    report.say(f"campaign R3, seed {plan.seed}")
    began = time.monotonic()
    async with owned_postgres() as server:
        result = await campaign.run(plan, Database(server, TEMPLATE))
    name = f"R3 {campaign.__name__.rpartition('.')[2]}"
    found = report.line(name, seed=plan.seed, clean=result.clean, began=began, **vars(result))
    return report.finish(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
