"""What channels declare, for other programs and for people.

`python -m konstruct_channels specs` prints every channel's declaration as JSON;
`python -m konstruct_channels slack-manifest URL [NAME [LANGUAGE]]` prints the manifest of an app
whose events go to URL (the connection's `status.webhookURL`); with `socket-mode` in its place, of
one that needs no address;
`python -m konstruct_channels new NAME` writes the folder of a new channel.
"""

import json
import sys
from pathlib import Path
from typing import Any

from konstruct_channels.catalogue import specs_document
from konstruct_channels.scaffolding import NotScaffolded, scaffold
from konstruct_channels.slack.manifest import manifest

WRONG_USE = 2
_USAGE = """Usage: python -m konstruct_channels specs
       python -m konstruct_channels slack-manifest URL|socket-mode [NAME [LANGUAGE]]
       python -m konstruct_channels new NAME
"""


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code: 0 done, 2 wrong use."""
    match arguments:
        case ["specs"]:
            return _print(specs_document())
        case ["slack-manifest", url]:
            return _print(manifest(_address(url)))
        case ["slack-manifest", url, name]:
            return _print(manifest(_address(url), name=name))
        case ["slack-manifest", url, name, language]:
            return _print(manifest(_address(url), name=name, language=language))
        case ["new", name]:
            return _new(name)
        case _:
            sys.stderr.write(_USAGE)
            return WRONG_USE


def _address(given: str) -> str:
    return "" if given == "socket-mode" else given


def _new(name: str) -> int:
    try:
        folder = scaffold(name, Path(__file__).parent)
    except NotScaffolded as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_USE
    sys.stdout.write(
        f"{folder}\n"
        "The CRD, the portal's form and the webhook's route follow from it: make generate.\n"
        "Now record examples (examples/README.md), then put the vendor's rules in their places:\n"
        "docs/channels.md says how.\n"
    )
    return 0


def _print(document: dict[str, Any]) -> int:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
