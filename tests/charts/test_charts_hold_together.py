"""Lint, unit tests, schemas: every supported configuration renders to what a cluster takes."""

import json
import subprocess
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import CHART, CRDS, NAMESPACE, program, run, supported, template

pytestmark = pytest.mark.process

Leaf = tuple[tuple[str, ...], dict[str, Any]]

BY_NAME = [pytest.param(path, id=path.name.removesuffix("-values.yaml")) for path in supported()]


@pytest.mark.parametrize("values", BY_NAME)
def test_lint_has_nothing_to_say(values: Path) -> None:
    done = run("helm", "lint", "--strict", CHART, "--values", values, check=False)
    assert done.returncode == 0, done.stdout


def test_the_unit_tests_pass() -> None:
    done = subprocess.run(
        [program("helm-unittest"), CHART], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", BY_NAME)
def test_two_renders_are_the_same(values: Path) -> None:
    assert template(CHART, "--values", values) == template(CHART, "--values", values)


@pytest.mark.parametrize("values", BY_NAME)
def test_no_two_objects_have_one_name(values: Path) -> None:
    names = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in template(CHART, "--values", values)
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("values", BY_NAME)
def test_nothing_lands_in_a_namespace_that_nobody_named(values: Path) -> None:
    places = {one["metadata"].get("namespace") for one in template(CHART, "--values", values)}
    assert places <= {NAMESPACE, "default", None}


@pytest.mark.parametrize("values", BY_NAME)
def test_no_object_of_our_own_kinds_is_in_the_chart(values: Path) -> None:
    groups = {one["apiVersion"].partition("/")[0] for one in template(CHART, "--values", values)}
    assert "konstruct.dev" not in groups


def _leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield the path and schema of every value that can be set."""
    for key, found in schema["properties"].items():
        if "properties" in found:
            yield from _leaves(found, (*path, key))
        elif (*path, key) != ("global",):
            yield (*path, key), found


def _another(schema: dict[str, Any], default: Any) -> Any:
    """Return a valid value that is not the default."""
    if "enum" in schema:
        return next(one for one in schema["enum"] if one != default)
    match schema["type"]:
        case "string":
            return "another"
        case "integer" | ["integer", "string"]:
            return int(default) + 1 if default < schema.get("maximum", 1e9) else int(default) - 1
        case "array":
            return [7] if schema.get("items", {}).get("type") == "integer" else ["another"]
        case "object":
            return {"another": "value"}
    raise AssertionError(schema)


def test_every_value_is_used() -> None:
    """Setting it to something else changes what some configuration renders to."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    before = {path: _render(path) for path in supported()}
    unused = []
    for path, rules in _leaves(schema):
        default = reduce(lambda node, part: node[part], path, defaults)
        change = f"{'.'.join(path)}={json.dumps(_another(rules, default))}"
        if all(_render(one, "--set-json", change) == text for one, text in before.items()):
            unused.append(".".join(path))
    assert not unused


def _render(values: Path, *arguments: str) -> str:
    done = run("helm", "template", "x", CHART, "--values", values, *arguments, check=False)
    return done.stdout


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("postgres.mode=SQLite", "mode"),
        ("gateway.replicas=0", "replicas"),
        ("gatway.replicas=2", "gatway"),
        ("logLevel=verbose", "logLevel"),
    ],
)
def test_a_wrong_value_is_refused_by_name(wrong: str, words: str) -> None:
    done = run("helm", "template", "x", CHART, "--set", wrong, check=False)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_kinds_stay_when_their_release_goes() -> None:
    for one in template(CRDS):
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for one in template(CRDS, "--set", "onUninstall=Delete"):
        assert "annotations" not in one["metadata"]
