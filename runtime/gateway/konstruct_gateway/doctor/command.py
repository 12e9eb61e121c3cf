"""`python -m konstruct_gateway doctor [TENANT[/CONNECTION]] [--json]`, inside a gateway's pod.

It asks the gateway of the same pod, with the settings that the pod has already. Exit codes: 0 every
check passed or cannot be told, 1 one failed or the gateway does not answer, 2 wrong use.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from konstruct_gateway.doctor import printing
from konstruct_gateway.doctor.asking import ask
from konstruct_gateway.errors import GatewayError
from konstruct_messages.translations import choose_language

USAGE = "Usage: python -m konstruct_gateway doctor [TENANT[/CONNECTION]] [--json]\n"
FAILED, WRONG_USE = 1, 2
_PORT = "8001"


def run_doctor(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Ask, print, and return the exit code."""
    known = os.environ if environment is None else environment
    places = [one for one in arguments if not one.startswith("-")]
    if len(places) > 1 or set(arguments) - {*places, "--json"}:
        sys.stderr.write(USAGE)
        return WRONG_USE
    tenant, _, connection = (places[0] if places else "").partition("/")
    language = choose_language(known.get("LC_ALL", ""), known.get("LANG", ""))
    try:
        found = asyncio.run(
            ask(
                f"http://127.0.0.1:{known.get('KONSTRUCT_INTERNAL_PORT', _PORT)}",
                known.get("KONSTRUCT_REGISTRY_TOKEN", ""),
                tenant=tenant,
                connection=connection,
                language=language,
            )
        )
    except GatewayError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    if "--json" in arguments:
        sys.stdout.write(printing.document(found) + "\n")
    else:
        colour = sys.stdout.isatty() and not known.get("NO_COLOR")
        sys.stdout.write(printing.render(found, colour=colour) + "\n")
    return FAILED if printing.sick(found) else 0
