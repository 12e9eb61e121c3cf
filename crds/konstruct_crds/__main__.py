"""`python -m konstruct_crds generate|check [DIRECTORY]`: write the CRD files, or compare them."""

import sys
from pathlib import Path

from konstruct_crds.documents import crd_files

DONE, FAILED, WRONG_USE = 0, 1, 2
_LONGEST_CALL = 2


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code: 0 done, 1 the files differ, 2 wrong use.

    The directory is by default the one that holds the package: `crds/` of the source tree.
    """
    if not 1 <= len(arguments) <= _LONGEST_CALL or arguments[0] not in {"generate", "check"}:
        sys.stderr.write("Usage: python -m konstruct_crds generate|check [DIRECTORY]\n")
        return WRONG_USE
    given = arguments[1:]
    directory = Path(given[0]) if given else Path(__file__).parents[1]
    if arguments[0] == "generate":
        for name, text in crd_files().items():
            (directory / name).write_text(text, encoding="utf-8")
        return DONE
    different = differing_files(directory)
    for name in different:
        sys.stderr.write(f"{directory / name} differs from its model: run `make generate`.\n")
    return FAILED if different else DONE


def differing_files(directory: Path) -> list[str]:
    """Return the names of the CRD files in `directory` that are missing, stale or not ours."""
    expected = crd_files()
    present = {path.name for path in directory.glob("*.yaml")}
    stale = [
        name
        for name, text in expected.items()
        if name not in present or (directory / name).read_text(encoding="utf-8") != text
    ]
    return sorted({*stale, *(present - expected.keys())})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
