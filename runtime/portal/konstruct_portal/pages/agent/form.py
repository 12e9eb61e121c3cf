"""The agent's form: from a spec to fields and back, without losing what the form does not show."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from konstruct_portal.language import Translate
from konstruct_portal.resources import Problem

PATHS: Mapping[str, tuple[str, ...]] = {
    "display_name": ("displayName",),
    "role": ("role",),
    "emoji": ("avatar", "emoji"),
    "persona": ("persona",),
    "instructions": ("instructions",),
    "language": ("language",),
    "model": ("models", "default"),
    "fallbacks": ("models", "fallbacks"),
    "operating_mode": ("operatingMode",),
    "window_turns": ("memory", "windowTurns"),
    "recall": ("memory", "recall"),
    "recall_limit": ("memory", "recallLimit"),
    "budget": ("budget", "monthlyMicroUSD"),
}
"""Where each field of the form stands in the spec."""

_NUMBERS = frozenset({"window_turns", "recall_limit"})
_MICRO = 1_000_000
_MOST_DOLLARS = 1_000_000_000


@dataclass(frozen=True)
class AgentForm:
    """What the form shows: the text of every field, and what is wrong with it."""

    values: Mapping[str, str]
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    elsewhere: Sequence[Problem] = ()

    def of(self, name: str) -> str:
        """Return a field's text."""
        return self.values.get(name, "")

    def wrong(self, name: str) -> Sequence[str]:
        """Return what is wrong with a field."""
        return self.problems.get(name, ())

    def with_problems(self, problems: Sequence[Problem]) -> "AgentForm":
        """Return the form with each problem at its field; what has no field stays apart."""
        at_fields: dict[str, list[str]] = {name: list(one) for name, one in self.problems.items()}
        elsewhere = []
        for problem in problems:
            name = _field_at(problem.path)
            if name is None:
                elsewhere.append(problem)
            else:
                at_fields.setdefault(name, []).append(problem.message)
        return AgentForm(values=self.values, problems=at_fields, elsewhere=tuple(elsewhere))


def form_of(spec: Mapping[str, Any]) -> AgentForm:
    """Return the form that shows a spec."""
    return AgentForm({name: _text(name, _look(spec, path)) for name, path in PATHS.items()})


def read_form(fields: Mapping[str, str], spec: Mapping[str, Any], _: Translate) -> "Read":
    """Return the form as it was filled in, and the spec that it makes of `spec`."""
    made = copy.deepcopy(dict(spec))
    problems: dict[str, list[str]] = {}
    for name, path in PATHS.items():
        if name not in fields:
            continue
        try:
            value = _value(name, fields[name].strip())
        except (ValueError, InvalidOperation):
            problems[name] = [_("Write a number.")]
            continue
        # An untouched field writes nothing: a default that nobody chose stays a default.
        if fields[name].strip() != _text(name, _look(spec, path)).strip():
            _put(made, path, value)
    return Read(form=AgentForm(dict(fields), problems), spec=made)


@dataclass(frozen=True)
class Read:
    """A filled-in form and the spec it stands for (which holds only without problems)."""

    form: AgentForm
    spec: dict[str, Any]


def _value(name: str, text: str) -> Any:
    if not text:
        return None
    if name in _NUMBERS:
        return int(text)
    if name == "budget":
        dollars = Decimal(text.replace(",", "."))
        if not dollars.is_finite() or abs(dollars) > _MOST_DOLLARS:
            raise ValueError("no amount of money")
        return int((dollars * _MICRO).to_integral_value())
    if name == "fallbacks":
        parts = [part.strip() for part in text.replace(",", "\n").splitlines()]
        return [part for part in parts if part] or None
    return text


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "fallbacks":
        return "\n".join(value)
    if name == "budget":
        dollars = Decimal(int(value)) / _MICRO
        return f"{dollars:.2f}" if dollars == round(dollars, 2) else f"{dollars.normalize():f}"
    return str(value)


def _field_at(path: str) -> str | None:
    wanted = path.removeprefix("spec.")
    matching = [
        (len(at), name)
        for name, at in ((name, ".".join(one)) for name, one in PATHS.items())
        if wanted == at or wanted.startswith((f"{at}.", f"{at}["))
    ]
    return max(matching)[1] if matching else None


def _look(spec: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = spec
    for part in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _put(spec: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set a value, or take it (and the objects it leaves empty) away where it is None."""
    first, *rest = path
    if not rest:
        if value is None:
            spec.pop(first, None)
        else:
            spec[first] = value
        return
    inner = dict(spec.get(first) or {})
    _put(inner, rest, value)
    if inner:
        spec[first] = inner
    else:
        spec.pop(first, None)
