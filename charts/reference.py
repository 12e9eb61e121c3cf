"""Writes each chart's values.schema.json and README.md from values.yaml, the only source.

A value's comment is its description. `# @enum: A, B`, `# @minimum: 1`, `# @maximum: 9` and
`# @required` say more. A key without a comment means what its last namesake with one means.

    python charts/reference.py [--check]     exit 1 and say so when a committed file differs
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
KINDS = ("AgentTemplate", "Tenant", "Agent", "ChannelConnection")
FREE = frozenset({"resources", "nodeSelector", "affinity", "annotations", "labels"})
"""Keys whose content is Kubernetes' and not ours, whatever their default holds."""

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):")
_TYPES: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean"}


@dataclass(frozen=True)
class Value:
    """One key of values.yaml."""

    path: tuple[str, ...]
    default: Any
    description: str
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        """Whether it has keys of ours below it."""
        return isinstance(self.default, Mapping) and bool(self.default) and not self.is_free

    @property
    def is_free(self) -> bool:
        """Whether it is an object of which only Kubernetes or the reader knows the keys."""
        return isinstance(self.default, Mapping) and (not self.default or self.path[-1] in FREE)


def read_values(text: str) -> list[Value]:
    """Return every key in order, groups included. Raises ValueError for a key nobody described."""
    defaults = YAML(typ="safe").load(text)
    described: dict[str, str] = {}
    found: list[Value] = []
    for path, comment in _keys(text):
        if any(one.is_free and one.path == path[: len(one.path)] for one in found):
            continue  # what an example holds is not ours to describe
        rules, words = _read_comment(comment)
        description = words or described.get(path[-1], "")
        value = Value(path, _look_up(defaults, path), description, rules)
        if not description and not value.is_group:
            raise ValueError(f"{'.'.join(path)} has no comment.")
        described[path[-1]] = description
        found.append(value)
    return found


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield each key's path and the comment lines right above it."""
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            comment.append(bare[1:].strip())
            continue
        found = _KEY.match(line)
        if found:
            indent = len(found["indent"])
            path = [one for one in path if one[0] < indent]
            path.append((indent, found["key"]))
            yield tuple(key for _, key in path), comment
        comment = []


def _read_comment(lines: list[str]) -> tuple[dict[str, str], str]:
    rules: dict[str, str] = {}
    words = []
    for line in lines:
        if line.startswith("@"):
            name, _, argument = line[1:].partition(":")
            rules[name.strip()] = argument.strip()
        else:
            words.append(line)
    return rules, " ".join(words)


def _look_up(values: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        values = values[part]
    return values


def schema(values: list[Value]) -> dict[str, Any]:
    """Return the JSON schema (draft 7, which Helm checks) of the values."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {"global": {"type": "object"}},
    }
    for value in values:
        parent = root
        for part in value.path[:-1]:
            parent = parent["properties"][part]
        parent["properties"][value.path[-1]] = _schema_of(value)
    return root


def _schema_of(value: Value) -> dict[str, Any]:
    found: dict[str, Any] = {"description": value.description} if value.description else {}
    default = value.default
    if value.is_group:
        return {**found, "type": "object", "additionalProperties": False, "properties": {}}
    if isinstance(default, Mapping):
        return {**found, "type": "object"}
    if isinstance(default, list):
        kinds = {_TYPES[type(one)] for one in default if type(one) in _TYPES}
        return {**found, "type": "array", **({"items": {"type": kinds.pop()}} if kinds else {})}
    found["type"] = _TYPES[type(default)]
    if "enum" in value.rules:
        found["enum"] = [one.strip() for one in value.rules["enum"].split(",")]
    for bound in ("minimum", "maximum"):
        if bound in value.rules:
            found[bound] = int(value.rules[bound])
    if "required" in value.rules:
        found["minLength"] = 1
    if value.path[-1] == "maxUnavailable":
        found["type"] = ["integer", "string"]
    return found


def readme(chart: Mapping[str, Any], values: list[Value], manual: str) -> str:
    """Return the chart's README: its manual, then a table of every value."""
    lines = [
        "<!-- Generated from values.yaml and MANUAL.md by `make generate`. -->",
        "",
        f"# {chart['name']}",
        "",
        f"{chart['description']}.",
        "",
        manual.strip(),
        "",
        "## Values",
        "",
        "| value | default | meaning |",
        "|---|---|---|",
    ]
    for value in values:
        if value.is_group:
            continue
        default = json.dumps(value.default, ensure_ascii=False)
        meaning = value.description.replace("|", "\\|")
        if "enum" in value.rules:
            meaning = f"{meaning} One of {value.rules['enum']}.".strip()
        lines.append(f"| `{'.'.join(value.path)}` | `{default}` | {meaning} |")
    return "\n".join(lines) + "\n"


def generated_files(folder: Path) -> dict[Path, str]:
    """Return the text of a chart's generated files."""
    values = read_values((folder / "values.yaml").read_text())
    chart = YAML(typ="safe").load(folder / "Chart.yaml")
    manual = folder / "MANUAL.md"
    return {
        folder / "values.schema.json": json.dumps(schema(values), indent=2) + "\n",
        folder / "README.md": readme(chart, values, manual.read_text()),
    }


def argo_cd_settings() -> str:
    """Return the settings of Argo CD that give every kind our health script."""
    script = (HERE / "konstruct/files/argocd/health.lua").read_text()
    body = "".join(f"    {line}".rstrip() + "\n" for line in script.splitlines())
    lines = [
        "# Generated from charts/konstruct/files/argocd/health.lua by `make generate`. To merge:",
        "#   kubectl -n argocd patch configmap argocd-cm --type merge --patch-file argocd-cm.yaml",
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        "  name: argocd-cm",
        "  namespace: argocd",
        "data:",
    ]
    text = "\n".join(lines) + "\n"
    for kind in KINDS:
        text += f"  resource.customizations.health.konstruct.dev_{kind}: |\n{body}"
    return text


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with `--check`."""
    files = {HERE.parent / "manifests/gitops/argocd/argocd-cm.yaml": argo_cd_settings()}
    for folder in sorted(path.parent for path in HERE.glob("*/Chart.yaml")):
        files |= generated_files(folder)
    different = []
    for path, text in files.items():
        if arguments == ["--check"]:
            if not path.exists() or path.read_text() != text:
                different.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in different:
        sys.stderr.write(f"{path} differs from values.yaml: run `make generate`.\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
