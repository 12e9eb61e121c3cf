"""A channel's form, made from its declaration: one field per value of its block and of its Secret.

Pure. A field's name is where its value belongs: `config.appId`, `secret.botToken`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from konstruct_channels.spec import HIDDEN, LABEL, ChannelSpec, config_schema

CONFIG, SECRET = "config", "secret"
_LONGEST_SECRET = 8192

Say = Callable[[str], str]
"""Says one of the channels' own sentences in the page's language."""


class Kind(StrEnum):
    """How a value is entered."""

    LINE = "line"
    AREA = "area"
    NUMBER = "number"
    CHOICE = "choice"
    LIST = "list"
    """One per line."""
    TABLE = "table"
    """One per line, its columns separated by a bar."""
    SECRET = "secret"  # noqa: S105 - a kind of field, not a secret


@dataclass(frozen=True)
class FormField:
    """One field. `only_with`: it belongs to the form only where other fields have these values."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    required: bool = False
    default: str = ""
    example: str = ""
    pattern: str = ""
    longest: int = 0
    least: int | None = None
    most: int | None = None
    options: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    only_with: Mapping[str, str] = field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """The field's id on the page."""
        return self.name.replace(".", "-")


def config_fields(spec: ChannelSpec, say: Say, *, hidden: bool = False) -> list[FormField]:
    """Return the fields of a channel's block, in the order of its declaration.

    `hidden`: also those that nobody fills in.
    """
    schema = config_schema(spec.config, for_form=True)
    return list(_fields_of(schema, CONFIG, say, hidden=hidden))


def secret_fields(spec: ChannelSpec, say: Say) -> list[FormField]:
    """Return the fields of a channel's Secret."""
    return [
        FormField(
            name=f"{SECRET}.{one.key}",
            kind=Kind.SECRET,
            label=say(one.title) or _spaced(one.key),
            help=say(one.description),
            required=one.required,
            example=one.example,
            pattern=one.pattern,
            longest=_LONGEST_SECRET,
            only_with={f"{CONFIG}.{key}": value for key, value in one.only_with.items()},
        )
        for one in spec.secret_keys
    ]


def _fields_of(
    schema: Mapping[str, Any], path: str, say: Say, *, hidden: bool
) -> Iterator[FormField]:
    needed = set(schema.get("required", ()))
    for name, raw in schema.get("properties", {}).items():
        described = _without_none(raw)
        here = f"{path}.{name}"
        if described.get(HIDDEN) and not hidden:
            continue
        if described.get("type") == "object" and described.get("properties"):
            yield from _fields_of(described, here, say, hidden=hidden)
        else:
            yield _field(described, here, say, required=name in needed)


def _field(raw: Mapping[str, Any], path: str, say: Say, *, required: bool) -> FormField:
    items = raw.get("items") or {}
    options = tuple((str(one), say(str(one))) for one in raw.get("enum", ()))
    examples = raw.get("examples") or items.get("examples") or ("",)
    return FormField(
        name=path,
        kind=_kind(raw),
        label=say(str(raw.get(LABEL, ""))) or _spaced(path.rsplit(".", 1)[1]),
        help=say(str(raw.get("description", ""))),
        required=required,
        default=_default(raw.get("default")),
        example=str(examples[0]),
        pattern=str(raw.get("pattern") or items.get("pattern") or ""),
        longest=int(raw.get("maxLength") or 0),
        least=raw.get("minimum"),
        most=raw.get("maximum"),
        options=options,
        columns=tuple(items.get("properties", {})),
    )


_LONG_TEXT = 256


def _kind(raw: Mapping[str, Any]) -> Kind:
    if raw.get("enum"):
        return Kind.CHOICE
    match raw.get("type"):
        case "integer":
            return Kind.NUMBER
        case "array":
            return Kind.TABLE if (raw.get("items") or {}).get("properties") else Kind.LIST
        case _:
            return Kind.AREA if int(raw.get("maxLength") or 0) > _LONG_TEXT else Kind.LINE


def _without_none(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an optional field's schema without its null."""
    choices = [one for one in raw.get("anyOf", ()) if one.get("type") != "null"]
    return {**raw, **choices[0]} if len(choices) == 1 else raw


def _default(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(one for one in value if isinstance(one, str))
    return str(value) if isinstance(value, str | int) else ""


def _spaced(name: str) -> str:
    """Return a camelCase name as words: `appId` as `App id`."""
    words = "".join(f" {one.lower()}" if one.isupper() else one for one in name)
    return words[:1].upper() + words[1:]
