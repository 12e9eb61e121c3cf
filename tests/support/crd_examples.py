"""The accepted and refused examples of `tests/crds/examples`, and every rule they are about."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from konstruct_crds.part import RULES
from konstruct_crds.rules import Rule
from konstruct_crds.schema import KINDS, schema_of

# In a table, {3 times x} stands for xxx: long texts need not be written out.
_REPEATED = re.compile(r"\{(\d+) times (.)\}")
_FOLDER = Path(__file__).parents[1] / "crds" / "examples"


@dataclass(frozen=True)
class Example:
    """One document and what is expected of it."""

    kind: str
    rule: str
    accepted: bool
    document: dict[str, Any]
    old: dict[str, Any] | None
    status: dict[str, Any]
    number: int

    @property
    def title(self) -> str:
        """The name of the test."""
        return f"{self.kind}-{self.rule}-{'accepted' if self.accepted else 'refused'}-{self.number}"


def bases() -> dict[str, dict[str, Any]]:
    """Return a small valid document of each kind."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((_FOLDER / "bases.yaml").read_text())
    return found


def examples() -> list[Example]:
    """Return all examples of all rules."""
    return [one for kind in KINDS for one in _examples_of(kind)]


def rules_of(kind: str) -> dict[str, Rule]:
    """Return a kind's rules by name."""
    return {rule.name: rule for rule in _rules_in(schema_of(kind))}


def merged(base: Any, patch: Any) -> Any:
    """Return `base` with the JSON merge patch `patch` over it (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _examples_of(kind: str) -> Iterator[Example]:
    text = (_FOLDER / f"{kind}.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(_REPEATED.sub(lambda found: found[2] * int(found[1]), text))
    base = bases()[kind]
    for rule, entry in table.items():
        for accepted in (True, False):
            word = "accepted" if accepted else "refused"
            for number, patch in enumerate([entry[word], *entry.get(f"also-{word}", [])]):
                yield Example(
                    kind=kind,
                    rule=rule,
                    accepted=accepted,
                    document=merged(base, patch),
                    old=merged(base, entry["old"]) if "old" in entry else None,
                    status=entry.get("status", {}),
                    number=number,
                )


def _rules_in(schema: Mapping[str, Any]) -> Iterator[Rule]:
    yield from schema.get(RULES, ())
    for part in schema.get("properties", {}).values():
        yield from _rules_in(part)
    if "items" in schema:
        yield from _rules_in(schema["items"])
