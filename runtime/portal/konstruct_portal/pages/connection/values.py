"""Between a form's texts and a channel's block: reading, showing, what is wrong. Pure.

What the form does not show stays as it was declared.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from konstruct_channels.spec import ChannelSpec
from konstruct_portal.language import Translate
from konstruct_portal.pages.connection.fields import CONFIG, FormField, Kind

_BAR = "|"


def text_of_value(field: FormField, value: Any) -> str:
    """Return a declared value as the form shows it."""
    if value is None:
        return ""
    if field.kind is Kind.LIST and isinstance(value, Sequence):
        return "\n".join(map(str, value))
    if field.kind is Kind.TABLE and isinstance(value, Sequence):
        rows = [one for one in value if isinstance(one, Mapping)]
        return "\n".join(
            f" {_BAR} ".join(str(row.get(column, "")) for column in field.columns) for row in rows
        )
    return str(value)


def texts_of_block(fields: Sequence[FormField], block: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of every field of a block; what it leaves out has its default."""
    return {
        one.name: text_of_value(one, found)
        if (found := _look(block, one)) is not None
        else one.default
        for one in fields
    }


def read_block(
    fields: Sequence[FormField], texts: Mapping[str, str], block: Mapping[str, Any], _: Translate
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the block that `texts` make of `block`, and what cannot be read, by field.

    A field that shows what it showed before writes nothing, so that a default stays a default.
    """
    made = copy.deepcopy(dict(block))
    problems: dict[str, list[str]] = {}
    before = texts_of_block(fields, block)
    for one in fields:
        text = texts.get(one.name, before[one.name]).strip()
        if text == before[one.name].strip():
            continue
        try:
            value = _value(one, text)
        except ValueError:
            problems[one.name] = [_("Write a whole number.")]
            continue
        _put(made, one.name.split(".")[1:], value)
    return made, problems


def problems_of_block(
    spec: ChannelSpec, fields: Sequence[FormField], block: Mapping[str, Any], _: Translate
) -> dict[str, list[str]]:
    """Return what the channel's own declaration has against a block, by field."""
    problems: dict[str, list[str]] = {}
    try:
        spec.config.model_validate(block)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False, include_context=True):
            field = _field_at(fields, one["loc"])
            name = field.name if field is not None else CONFIG
            problems.setdefault(name, []).append(_words(one, field, _))
    return {name: list(dict.fromkeys(said)) for name, said in problems.items()}


def problem_of_secret(field: FormField, text: str, _: Translate) -> str:
    """Return what is wrong with a credential, without ever repeating it."""
    if not text:
        return _("This is needed.") if field.required else ""
    if any(one.isspace() for one in text):
        return _("There is a space or a line break in it. Copy it again.")
    if field.pattern and re.fullmatch(field.pattern, text) is None:
        return _looks_wrong(field, _)
    return ""


def belongs(field: FormField, texts: Mapping[str, str]) -> bool:
    """Tell whether a field is part of the form, given the values of the others."""
    return all(texts.get(name, value) == value for name, value in field.only_with.items())


def _value(field: FormField, text: str) -> Any:
    if not text:
        # Nothing at all is a choice where the default is something.
        return [] if field.kind is Kind.LIST and field.default else None
    match field.kind:
        case Kind.NUMBER:
            return int(text)
        case Kind.LIST:
            return [one.strip() for one in text.splitlines() if one.strip()] or None
        case Kind.TABLE:
            return [_row(field, one) for one in text.splitlines() if one.strip()] or None
        case _:
            return text


def _row(field: FormField, line: str) -> dict[str, str]:
    cells = [one.strip() for one in line.split(_BAR, len(field.columns) - 1)]
    return dict(zip(field.columns, cells, strict=False))


def _field_at(fields: Sequence[FormField], location: Sequence[int | str]) -> FormField | None:
    names = {one.name: one for one in fields}
    parts = [str(one) for one in location if isinstance(one, str)]
    while parts:
        found = names.get(".".join((CONFIG, *parts)))
        if found is not None:
            return found
        parts.pop()
    return None


def _words(  # noqa: PLR0911 - one return for each kind of error
    error: ErrorDetails, field: FormField | None, _: Translate
) -> str:
    """Return what is wrong, in the words of people rather than of the schema."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return _("This is needed.")
        case "string_pattern_mismatch" if field is not None:
            return _looks_wrong(field, _)
        case "string_too_short":
            return _("This is too short.")
        case "string_too_long":
            return _("This is too long: at most {most} characters.").format(
                most=context.get("max_length")
            )
        case "too_long":
            return _("These are too many: at most {most}.").format(most=context.get("max_length"))
        case "enum" | "literal_error":
            return _("Choose one of the values.")
        case "greater_than_equal" | "less_than_equal" if field is not None:
            return _("Write a number from {least} to {most}.").format(
                least=field.least, most=field.most
            )
        case _:
            return str(error["msg"])


def _looks_wrong(field: FormField, _: Translate) -> str:
    if field.example:
        return _("This does not look right. It looks like this: {example}").format(
            example=field.example
        )
    return _("This does not look right. Copy it again.")


def _look(block: Mapping[str, Any], field: FormField) -> Any:
    found: Any = block
    for part in field.name.split(".")[1:]:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _put(block: dict[str, Any], path: Sequence[str], value: Any) -> None:
    first, *rest = path
    if rest:
        inner = dict(block.get(first) or {})
        _put(inner, rest, value)
        value = inner or None
    if value is None:
        block.pop(first, None)
    else:
        block[first] = value
