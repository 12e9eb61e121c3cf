"""Which agent answers which messages: a connection's routes as lines of a form. Pure."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from konstruct_portal.connection_names import LONGEST_NAME, NAME
from konstruct_portal.language import Translate
from konstruct_portal.pages.connection.fields import FormField, Kind

ROUTES = "routes"
_BAR = "|"
_MOST = 32
_LONGEST_WORDS = 64
_AGENT, _FIRST_MATCH = 1, 2
_COLUMNS = 5


def routes_field(_: Translate) -> FormField:
    """Return the field of a connection's routes."""
    return FormField(
        name=ROUTES,
        kind=Kind.TABLE,
        label=_("Other agents for particular messages"),
        help=_(
            "The first line that fits decides; what fits none goes to the agent above. Rooms and"
            " people as the channel knows them, separated by commas; leave out what does not"
            " matter."
        ),
        example="invoices | bruno | | | invoice",
        columns=(_("name"), _("agent"), _("rooms"), _("people"), _("the first words")),
    )


def text_of_routes(spec: Mapping[str, Any]) -> str:
    """Return the routes of a connection as the form shows them."""
    return "\n".join(_line(one) for one in spec.get("routes") or () if isinstance(one, Mapping))


def put_routes(spec: dict[str, Any], text: str, agents: Collection[str], _: Translate) -> list[str]:
    """Write the routes that `text` declares; return what is wrong with it.

    What shows what it showed before writes nothing; of a changed route, what the form does not
    show stays.
    """
    if text.split() == text_of_routes(spec).split():
        return []
    former = {one.get("name"): one for one in spec.get("routes") or () if isinstance(one, Mapping)}
    lines = [one for one in text.splitlines() if one.strip()]
    rows = [[cell.strip() for cell in one.split(_BAR, _COLUMNS - 1)] for one in lines]
    problems = [
        said
        for number, row in enumerate(rows, 1)
        if (said := _problem(row, agents, _).replace("{line}", str(number)))
    ]
    names = [row[0] for row in rows]
    if not problems and len(set(names)) < len(names):
        problems.append(_("Two lines have the same name."))
    if len(rows) > _MOST:
        problems.append(_("These are too many: at most {most}.").format(most=_MOST))
    if not problems:
        made = [_route(row, former.get(row[0], {})) for row in rows]
        if made:
            spec["routes"] = made
        else:
            spec.pop("routes", None)
    return problems


def _line(route: Mapping[str, Any]) -> str:
    match, agent = route.get("match") or {}, route.get("agentRef") or {}
    cells = [
        str(route.get("name", "")),
        str(agent.get("name", "")),
        ", ".join(map(str, match.get("channels") or ())),
        ", ".join(map(str, match.get("people") or ())),
        str(match.get("textBegins", "")),
    ]
    while not cells[-1] and len(cells) > _FIRST_MATCH:
        cells.pop()
    return f" {_BAR} ".join(cells)


def _problem(row: Sequence[str], agents: Collection[str], _: Translate) -> str:
    if len(row) <= _AGENT or not NAME.fullmatch(row[0]) or len(row[0]) > LONGEST_NAME:
        return _(
            "Line {line}: begin with a name of lower-case letters, digits and hyphens, a bar and"
            " the agent's name."
        )
    if row[_AGENT] not in agents:
        return _("Line {line}: there is no agent of this name.")
    if not any(row[_FIRST_MATCH:]):
        return _("Line {line}: say which messages: of which rooms, people or first words.")
    if len(row) == _COLUMNS and len(row[-1]) > _LONGEST_WORDS:
        return _("Line {line}: the first words are too long.")
    return ""


def _route(row: Sequence[str], former: Mapping[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(dict(former))
    rooms, people, words = [*row[_FIRST_MATCH:], "", "", ""][:3]
    match = dict(made.get("match") or {})
    given = {"channels": _listed(rooms), "people": _listed(people), "textBegins": words}
    for name, value in given.items():
        if value:
            match[name] = value
        else:
            match.pop(name, None)
    agent = {**(made.get("agentRef") or {}), "name": row[_AGENT]}
    return {**made, "name": row[0], "match": match, "agentRef": agent}


def _listed(cell: str) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in cell.split(",") if one.strip()))
