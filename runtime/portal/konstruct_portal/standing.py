"""How a resource's conditions are shown: word for word, with a colour and one word up front."""

from dataclasses import dataclass
from typing import Any

from konstruct_portal.language import Translate
from konstruct_portal.resources import Resource

GOOD, BUSY, BAD, QUIET = "good", "busy", "bad", "quiet"
_RESTING = frozenset({"Asleep", "Sleeping", "Suspended"})


@dataclass(frozen=True)
class Condition:
    """One condition as the resource has it, with the colour it is shown in."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    tone: str


@dataclass(frozen=True)
class Standing:
    """A resource in one word: `label` is translated, `reason` and `message` are the resource's."""

    tone: str
    label: str
    reason: str
    message: str


def conditions_of(resource: Resource) -> list[Condition]:
    """Return the conditions of a resource, `Ready` first, otherwise in the order they have."""
    found = [_condition(one) for one in resource.status.get("conditions") or []]
    return sorted(found, key=lambda one: one.type != "Ready")


def standing_of(resource: Resource, _: Translate) -> Standing:
    """Return how a resource is doing."""
    by_type = {one.type: one for one in conditions_of(resource)}
    ready = by_type.get("Ready")
    stalled = by_type.get("Stalled")
    if ready is None:
        return Standing(BUSY, _("Not reported yet"), "", "")
    if ready.status == "True":
        if ready.reason in _RESTING or resource.spec.get("operatingMode") == "Suspended":
            label = _("Suspended") if ready.reason == "Suspended" else _("Asleep")
            if resource.spec.get("operatingMode") == "Suspended":
                label = _("Suspended")
            return Standing(QUIET, label, ready.reason, ready.message)
        return Standing(GOOD, _("Ready"), ready.reason, ready.message)
    if stalled is not None and stalled.status == "True":
        return Standing(BAD, _("Needs attention"), stalled.reason, stalled.message)
    if ready.status == "Unknown" or _is_true(by_type.get("Reconciling")):
        return Standing(BUSY, _("In progress"), ready.reason, ready.message)
    return Standing(BAD, _("Not ready"), ready.reason, ready.message)


def _is_true(condition: Condition | None) -> bool:
    return condition is not None and condition.status == "True"


def _condition(raw: dict[str, Any]) -> Condition:
    kind, status = str(raw.get("type", "")), str(raw.get("status", "Unknown"))
    return Condition(
        type=kind,
        status=status,
        reason=str(raw.get("reason", "")),
        message=str(raw.get("message", "")),
        since=str(raw.get("lastTransitionTime", "")),
        tone=_tone(kind, status),
    )


def _tone(kind: str, status: str) -> str:
    if status == "Unknown":
        return BUSY
    if kind == "Stalled":
        return BAD if status == "True" else QUIET
    if kind == "Reconciling":
        return BUSY if status == "True" else QUIET
    return GOOD if status == "True" else BAD
