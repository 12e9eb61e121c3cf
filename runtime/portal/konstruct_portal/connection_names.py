"""What a connection may be called. Pure."""

import re
from collections.abc import Callable

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = 40
RESERVED_NAME = "portal"
"""The connection over which this site talks to every agent."""


def free_name(wanted: str, taken: Callable[[str], bool]) -> str:
    """Return a valid name like `wanted` that is not taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")[: LONGEST_NAME - 3].strip("-")
    if not NAME.fullmatch(plain) or plain == RESERVED_NAME:
        plain = f"c-{plain}".strip("-")
    names = [plain, *(f"{plain}-{number}" for number in range(2, 100))]
    return next((one for one in names if not taken(one)), plain)
