"""An earlier version of the product: its tree beside this one, its images by its own script."""

import json
import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

from support.cluster import cache

_ROOT: Final = Path(__file__).parents[2]
_MIGRATIONS: Final = "runtime/store/konstruct_store/migrations"
PROGRAMS: Final = ("operator", "gateway", "llm", "agent", "portal", "postgres")


def before_the_newest_migration() -> str:
    """Return the last commit whose schema is older than this tree's."""
    newest = _git("ls-files", _MIGRATIONS).split()[-1]
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", newest).strip()
    return _git("rev-parse", f"{added}^").strip()


def tree(commit: str) -> Path:
    """Return a folder with the tree of a commit, written out once."""
    whole = _git("rev-parse", commit).strip()
    folder = cache() / "former" / whole[:12]
    if not folder.exists():
        fresh = folder.with_suffix(".new")
        fresh.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(
            ["git", "archive", "--format=tar", whole], cwd=_ROOT, check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(fresh, filter="data")
        fresh.rename(folder)
    return folder


def schema_of(folder: Path) -> int:
    """Return the number of a tree's newest migration."""
    return max(int(one.name[:4]) for one in (folder / _MIGRATIONS).glob("*.sql"))


def images(folder: Path, registry: str) -> dict[str, str]:
    """Build a tree's images, push them, and return each program's digest in the registry."""
    built = subprocess.run(
        [folder / "images" / "build.sh", *PROGRAMS],
        env={**os.environ, "KONSTRUCT_REGISTRY": registry},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    references = dict(zip(PROGRAMS, built.stdout.split(), strict=True))
    return {program: digest(reference) for program, reference in references.items()}


def digest(reference: str) -> str:
    """Return the digest that a registry has for `HOST/REPOSITORY:TAG`, over plain HTTP."""
    registry, _, path = reference.partition("/")
    name, _, tag = path.rpartition(":")
    kinds = ("oci.image.manifest.v1", "docker.distribution.manifest.v2")
    accepted = ", ".join(f"application/vnd.{kind}+json" for kind in kinds)
    said = subprocess.run(
        [
            *("curl", "--silent", "--fail", "--noproxy", "*", "--head", "--output", "/dev/null"),
            *("--write-out", "%{header_json}", "--header", f"Accept: {accepted}"),
            f"http://{registry}/v2/{name}/manifests/{tag}",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return str(json.loads(said)["docker-content-digest"][0])


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=_ROOT, check=True, capture_output=True, text=True
    ).stdout
