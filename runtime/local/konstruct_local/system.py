"""Which systems the embedded mode runs on."""

import platform
import sys

from konstruct_local.errors import UnusableSystem
from konstruct_local.words import mark as _

TESTED = ("linux", "darwin")
OLDEST_PYTHON = (3, 11)


def refuse_unsupported(system: str = sys.platform) -> None:
    """Raise UnusableSystem where the embedded mode cannot work."""
    if system not in TESTED:
        raise UnusableSystem(
            _(
                "Konstruct's embedded mode runs on Linux and macOS, not on {system}."
                " Use WSL or a container, or install Konstruct on Kubernetes."
            ),
            system=platform.system() or system,
        )
