"""`python -m konstruct_channels specs`: print every channel's declaration as JSON."""

import json
import sys

from konstruct_channels.catalogue import specs_document

WRONG_USE = 2


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code: 0 done, 2 wrong use."""
    if arguments != ["specs"]:
        sys.stderr.write("Usage: python -m konstruct_channels specs\n")
        return WRONG_USE
    sys.stdout.write(json.dumps(specs_document(), indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
