"""Each image's program starts to import with nothing but its own lock and its own members.

Import contracts do not see dynamic imports, and a workspace lets a member import what another one
declared; so each program is installed as its image installs it, from wheels, and imported.
"""

import os
import subprocess
from pathlib import Path

import pytest

from support.members import closure, members

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("agent", "gateway", "llm", "local", "operator", "portal")
UV = ROOT / ".tools" / "bin" / "uv"
# Channels' halves are found by their folders, so no import statement names them.
FOUND = dict.fromkeys(
    ("gateway", "local"),
    "from konstruct_channels.catalogue import load_inbounds, load_specs;"
    "import konstruct_channels.slack.outbound; load_inbounds(load_specs())",
)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for member in members():
        subprocess.run(
            [ROOT / ".venv/bin/python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=ROOT / member,
            check=True,
            capture_output=True,
        )
    return folder


@pytest.mark.process
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_all_that_its_program_imports(
    image: str, wheels: Path, tmp_path: Path
) -> None:
    python = tmp_path / "venv/bin/python"
    _run(UV, "venv", "--quiet", "--python", ROOT / ".venv/bin/python", tmp_path / "venv")
    lock = ROOT / f"requirements/{image}.txt"
    _run(UV, "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock)
    names = [f"konstruct_{name}" for name in sorted(closure(image))]
    files = [next(wheels.glob(f"{name}-*.whl")) for name in names]
    _run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", *files)
    _run(python, "-W", "error", "-c", f"import konstruct_{image}.main; {FOUND.get(image, '')}")


def _run(*command: object) -> None:
    result = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert result.returncode == 0, result.stderr[-2000:]
