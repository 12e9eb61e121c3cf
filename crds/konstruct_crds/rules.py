"""A rule of the API, said twice side by side: as CEL for the API server, in Python for us.

The two cannot drift unseen: both are run on the same accepted and refused examples.
https://kubernetes.io/docs/reference/using-api/cel/
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Not FieldValueDuplicate: with it, the API server leaves the message out.
Reason = Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired"]
Check = Callable[[Any], bool]
Transition = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Rule:
    """One thing a schema cannot say.

    `name` is unique in its kind and names the rule's examples. `python` gets the value the rule
    stands on, with defaults filled in, as plain dictionaries; `transition` gets (value, old value)
    and is asked only when there is an old one. `message` tells the author what to write instead.
    `field_path` leads from the value to the field to blame, as `.credentialsSecretRef`.
    """

    name: str
    cel: str
    message: str
    python: Check | None = None
    transition: Transition | None = None
    field_path: str = ""
    reason: Reason = "FieldValueInvalid"

    def __post_init__(self) -> None:
        """Refuse a rule with no twin, or with two. Raises ValueError."""
        if (self.python is None) == (self.transition is None):
            raise ValueError(f"Rule {self.name} needs either `python` or `transition`.")
        if ("oldSelf" in self.cel) != (self.transition is not None):
            raise ValueError(f"Rule {self.name}: exactly transition rules speak of oldSelf.")

    def holds(self, value: Any, old: Any = None) -> bool:
        """Tell whether `value` keeps the rule, given what was there before (None: nothing)."""
        if self.transition is not None:
            return old is None or self.transition(value, old)
        return self.python is not None and self.python(value)

    def document(self) -> dict[str, str]:
        """Return the rule as an entry of `x-kubernetes-validations`."""
        document = {"rule": self.cel, "message": self.message, "reason": self.reason}
        if self.field_path:
            document["fieldPath"] = self.field_path
        return document


def value_at(value: Mapping[str, Any], *path: str) -> Any:
    """Return what lies at `path` below `value`, or None where something on the way is missing."""
    found: Any = value
    for step in path:
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found


def unique_names(items: str, message: str, *, name: str) -> Rule:
    """Return the rule that the entries of the list field `items` have different names."""
    guard = f"!has(self.{items}) || "
    return Rule(
        name=name,
        cel=f"{guard}self.{items}.all(one, self.{items}.exists_one(other, other.name == one.name))",
        python=lambda value: _all_different([one["name"] for one in value.get(items, ())]),
        message=message,
        field_path=f".{items}",
    )


def texts_within(items: str, *fields: str, limit: int, message: str, name: str) -> Rule:
    """Return the rule that texts in the entries of the list field `items` are short together.

    The bounds of each text and of the list allow more than a stored object may hold: etcd refuses
    1.5 MiB, and kubectl cannot remember more than 256 KiB of it.
    """
    sizes = " + ".join(f"(has(one.{field}) ? size(one.{field}) : 0)" for field in fields)
    return Rule(
        name=name,
        cel=f"!has(self.{items}) || self.{items}.map(one, {sizes}).sum() <= {limit}",
        python=lambda value: (
            sum(len(one.get(field, "")) for one in value.get(items, ()) for field in fields)
            <= limit
        ),
        message=message,
        field_path=f".{items}",
    )


def _all_different(names: list[str]) -> bool:
    return len(set(names)) == len(names)
