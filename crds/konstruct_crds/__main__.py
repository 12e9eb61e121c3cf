"""`python -m konstruct_crds generate|check [ROOT]`: write the generated files, or compare them."""

import sys
from pathlib import Path

from konstruct_crds.documents import crd_files
from konstruct_crds.reference import reference_files

DONE, FAILED, WRONG_USE = 0, 1, 2
_LONGEST_CALL = 2
_CRDS = "crds"
_CHART = "charts/konstruct-crds/files"
_REFERENCE = "docs/reference"


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code: 0 done, 1 the files differ, 2 wrong use.

    ROOT is by default the source tree that holds the package.
    """
    if not 1 <= len(arguments) <= _LONGEST_CALL or arguments[0] not in {"generate", "check"}:
        sys.stderr.write("Usage: python -m konstruct_crds generate|check [ROOT]\n")
        return WRONG_USE
    given = arguments[1:]
    root = Path(given[0]) if given else Path(__file__).parents[2]
    if arguments[0] == "generate":
        for name, text in generated_files().items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return DONE
    different = differing_files(root)
    for name in different:
        sys.stderr.write(f"{root / name} differs from its model: run `make generate`.\n")
    return FAILED if different else DONE


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its path below the root."""
    crds = crd_files()
    return {
        **{f"{folder}/{name}": text for folder in (_CRDS, _CHART) for name, text in crds.items()},
        **{f"{_REFERENCE}/{name}": text for name, text in reference_files().items()},
    }


def differing_files(root: Path) -> list[str]:
    """Return the paths of the generated files below `root` that are missing or stale.

    A CRD file that no model accounts for is told, too: `kubectl apply -f crds/` would apply it.
    """
    expected = generated_files()
    present = {
        f"{folder}/{path.name}"
        for folder in (_CRDS, _CHART)
        for path in (root / folder).glob("*.yaml")
    }
    stale = [
        name
        for name, text in expected.items()
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != text
    ]
    return sorted({*stale, *(present - expected.keys())})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
