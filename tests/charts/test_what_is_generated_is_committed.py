"""values.yaml is the only source of schema and README, and the models of the kinds."""

import subprocess
import sys

import pytest

from support.helm import CHART, CRDS, ROOT, program, supported

pytestmark = pytest.mark.process


def test_schema_and_readme_follow_from_the_values() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "charts/reference.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_manifest_is_the_rendered_chart() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "charts/install.py", program("helm"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_chart_of_the_kinds_holds_the_kinds() -> None:
    for path in (ROOT / "crds").glob("*.yaml"):
        assert (CRDS / "files" / path.name).read_text() == path.read_text()


def test_every_supported_configuration_says_what_it_is() -> None:
    assert len(supported()) >= 6
    for path in supported():
        assert path.read_text().startswith("# "), path.name
    assert (CHART / "ci" / "default-values.yaml").exists()
