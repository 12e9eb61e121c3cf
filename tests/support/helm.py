"""Helm and the checkers of charts, built by the test bed, as functions."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "konstruct"
CRDS = ROOT / "charts" / "konstruct-crds"
NAMESPACE = "konstruct-system"


@cache
def program(name: str) -> Path:
    """Return a program of the test bed, built at the first call."""
    done = subprocess.run(
        [str(ROOT / "tests/support/testbed/build.sh"), name],
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(done.stdout.strip()) / name


def run(name: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of the test bed at the project's root."""
    return subprocess.run(
        [str(program(name)), *map(str, arguments)],
        check=check,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def template(chart: Path = CHART, *arguments: object) -> list[dict[str, Any]]:
    """Return what a chart renders to, hooks included."""
    done = run("helm", "template", "konstruct", chart, "--namespace", NAMESPACE, *arguments)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def supported() -> list[Path]:
    """Return the values file of every supported configuration."""
    return sorted((CHART / "ci").glob("*-values.yaml"))
