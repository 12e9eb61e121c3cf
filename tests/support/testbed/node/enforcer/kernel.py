"""Keeps the kernel's table equal to what the rules say: one transaction whenever they change."""

import subprocess
import time

from support.testbed.node.enforcer.knowledge import Knowledge
from support.testbed.node.enforcer.rules import TABLE, Network, table
from support.testbed.node.enforcer.said import say

_GATHER_SECONDS = 0.005
_LOOK_SECONDS = 10.0
_RETRY_SECONDS = 0.2


class RefusedError(Exception):
    """nft refused the table."""


def enforce(knowledge: Knowledge, network: Network) -> None:
    """Bring every change into the kernel, for ever; put the table back when somebody removed it."""
    last = ""
    while True:
        if not _wait_for_change(knowledge) and _is_there():
            continue
        time.sleep(_GATHER_SECONDS)
        with knowledge.changed:
            generation = knowledge.generation
            wanted = table(
                knowledge.endpoints(network.pods),
                knowledge.namespaces,
                list(knowledge.policies.values()),
                network,
            )
        try:
            if wanted != last or not _is_there():
                _replace(wanted)
                last = wanted
        except RefusedError as error:
            say(f"nft refused generation {generation}: {error}\n{wanted}")
            time.sleep(_RETRY_SECONDS)
            continue
        with knowledge.changed:
            knowledge.enforced = generation
            knowledge.changed.notify_all()


def remove() -> None:
    """Take the table away."""
    subprocess.run(["nft", "delete", "table", "inet", TABLE], capture_output=True, check=False)


def _wait_for_change(knowledge: Knowledge) -> bool:
    """Wait a while; tell whether there is something to bring into the kernel."""
    with knowledge.changed:
        return knowledge.wait_until(
            lambda: knowledge.is_complete and knowledge.enforced != knowledge.generation,
            _LOOK_SECONDS,
        )


def _is_there() -> bool:
    listed = subprocess.run(
        ["nft", "list", "chain", "inet", TABLE, "forward"], capture_output=True, check=False
    )
    return listed.returncode == 0


def _replace(wanted: str) -> None:
    # Naming the table first makes its deletion good also where there is none.
    text = f"table inet {TABLE}\ndelete table inet {TABLE}\n{wanted}"
    done = subprocess.run(
        ["nft", "-f", "-"], input=text, text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise RefusedError(done.stderr[:2000])
