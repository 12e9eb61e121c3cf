"""What every connection has, whatever its channel: name, agent, access, when it answers. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from konstruct_portal.connection_names import LONGEST_NAME, NAME, RESERVED_NAME
from konstruct_portal.language import Translate
from konstruct_portal.pages.connection.fields import FormField, Kind

EVERYONE, LISTED = "Everyone", "Listed"
ADDRESSED = "Addressed"
AT_ONCE, USUAL_WAIT = "0", "2000"
_WAITS = (0, 1000, 2000, 3000, 5000, 10_000)

DEFAULTS: Mapping[str, str] = {
    "access_policy": EVERYONE,
    "reply_when": ADDRESSED,
    "gather": AT_ONCE,
}


def texts_of_spec(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of what every connection has."""
    access = spec.get("access") or {}
    return {
        "agent": str((spec.get("agentRef") or {}).get("name", "")),
        "access_policy": str(access.get("policy", EVERYONE)),
        "allowed": "\n".join(map(str, access.get("allowed") or ())),
        "reply_when": str(spec.get("replyWhen", ADDRESSED)),
        "gather": str(spec.get("gatherMilliseconds", AT_ONCE)),
    }


def name_problems(name: str, _: Translate) -> dict[str, list[str]]:
    """Return what is wrong with the name of a new connection."""
    if not name:
        return {"name": [_("This is needed.")]}
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        words = _(
            "Write at most 40 lower-case letters, digits and hyphens, beginning with a letter:"
            " website"
        )
        return {"name": [words]}
    if name == RESERVED_NAME:
        return {"name": [_("This name is reserved for this site's own chat. Choose another.")]}
    return {}


def put_general(
    spec: dict[str, Any], texts: Mapping[str, str], _: Translate
) -> dict[str, list[str]]:
    """Write agent, access, replyWhen and gatherMilliseconds; defaults stay unwritten."""
    problems: dict[str, list[str]] = {}
    if not texts.get("agent", ""):
        problems["agent"] = [_("Choose an agent. Without one nobody answers.")]
    else:
        spec["agentRef"] = {**(spec.get("agentRef") or {}), "name": texts.get("agent", "")}
    access = dict(spec.get("access") or {})
    allowed = [one.strip() for one in texts.get("allowed", "").splitlines() if one.strip()]
    if texts.get("access_policy", "") == LISTED:
        if not allowed:
            problems["allowed"] = [_("List at least one person, or let everyone write.")]
        access |= {"policy": LISTED, "allowed": list(dict.fromkeys(allowed))}
    else:
        access.pop("allowed", None)
        if access.get("policy", EVERYONE) != EVERYONE:
            access["policy"] = EVERYONE
    _set(spec, "access", access or None)
    if texts.get("reply_when", "") != str(spec.get("replyWhen", ADDRESSED)):
        spec["replyWhen"] = texts.get("reply_when", "")
    if texts.get("gather", "") != str(spec.get("gatherMilliseconds", AT_ONCE)):
        digits = texts.get("gather", "")
        if digits.isdecimal() and len(digits) < LONGEST_NAME:
            spec["gatherMilliseconds"] = int(digits)
        else:
            problems["gather"] = [_("Write a whole number.")]
    return problems


def _set(spec: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        spec.pop(name, None)
    elif spec.get(name) != value:
        spec[name] = value


def name_field(_: Translate) -> FormField:
    """Return the field of a new connection's name."""
    return FormField(
        name="name",
        kind=Kind.LINE,
        label=_("Name"),
        help=_("Part of the connection's address. It cannot be changed later."),
        required=True,
        longest=LONGEST_NAME,
        pattern=NAME.pattern,
        example="website",
    )


def general_fields(
    agents: Sequence[tuple[str, str]], _: Translate, *, wait: int = 0
) -> list[FormField]:
    """Return the fields that every connection has. `wait`: its present gatherMilliseconds."""
    waits = sorted({*_WAITS, wait})
    return [
        FormField(
            name="agent",
            kind=Kind.CHOICE,
            label=_("Agent"),
            help=_("Who answers here."),
            required=True,
            options=tuple(agents),
        ),
        FormField(
            name="access_policy",
            kind=Kind.CHOICE,
            label=_("Who may write"),
            help=_("Messages of people who are not listed are ignored and counted."),
            options=((EVERYONE, _("Everyone")), (LISTED, _("Listed people"))),
        ),
        FormField(
            name="allowed",
            kind=Kind.LIST,
            label=_("Listed people"),
            help=_("One per line, as the channel knows them: a user's id, a number, an address."),
            only_with={"access_policy": LISTED},
        ),
        FormField(
            name="reply_when",
            kind=Kind.CHOICE,
            label=_("When it answers"),
            help=_("In rooms with several people. Direct messages are always answered."),
            options=(
                ("Addressed", _("When it is addressed")),
                ("Always", _("Every message")),
            ),
        ),
        FormField(
            name="gather",
            kind=Kind.CHOICE,
            label=_("Waits for more messages"),
            help=_("So that hello and the question a second later get one answer."),
            options=tuple((str(one), _seconds(one, _)) for one in waits),
        ),
    ]


def _seconds(milliseconds: int, _: Translate) -> str:
    if not milliseconds:
        return _("No, it answers at once")
    return _("{seconds} s").format(seconds=f"{milliseconds / 1000:g}")
