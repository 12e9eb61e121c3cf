"""Who may write over a connection: its `access`, judged. Pure."""

from collections.abc import Iterable
from enum import StrEnum

from konstruct_channels.inbound import Standing
from konstruct_registry.snapshot import ConnectionSnapshot

_DENIED = "Denied"


class Admission(StrEnum):
    """The verdict; the names of refusals are what they are counted as."""

    ADMITTED = "admitted"
    UNDECIDED = "undecided"
    """It depends on whether the person is a guest, and nobody has said so yet."""
    NOT_LISTED = "not_listed"
    GUEST = "guest"
    STRANGER = "stranger"
    UNKNOWN_PERSON = "unknown_person"
    """It was asked, and the vendor does not say."""

    @property
    def refused(self) -> bool:
        """Whether the person may not write."""
        return self not in {Admission.ADMITTED, Admission.UNDECIDED}


def judge(
    connection: ConnectionSnapshot,
    person_key: str,
    standing: Standing,
    *,
    aliases: Iterable[str] = (),
    asked: bool = False,
) -> Admission:
    """Say whether a person may write.

    `aliases` are the names that this delivery vouches for; `asked`: the vendor will not say more
    than `standing`.
    """
    access = connection.access
    allowed = access.get("allowed")
    names = tuple(aliases) or (person_key,)
    if isinstance(allowed, list) and listed(allowed, *names):
        return Admission.ADMITTED
    if access.get("policy") == "Listed":
        return Admission.NOT_LISTED
    if standing is Standing.STRANGER:
        return _unless_denied(access.get("strangers"), Admission.STRANGER)
    if standing is Standing.GUEST:
        return _unless_denied(access.get("guests"), Admission.GUEST)
    if standing is Standing.MEMBER or access.get("guests") != _DENIED:
        return Admission.ADMITTED
    return Admission.UNKNOWN_PERSON if asked else Admission.UNDECIDED


def listed(entries: Iterable[object], *names: str) -> bool:
    """Tell whether one of a person's names is in a list; numbers are written with + or without."""
    plain = {name.removeprefix("+") for name in names}
    return any(isinstance(one, str) and one.removeprefix("+") in plain for one in entries)


def asks_for_guests(connection: ConnectionSnapshot) -> bool:
    """Tell whether it matters over this connection who is a guest."""
    return (
        connection.access.get("policy") != "Listed" and connection.access.get("guests") == _DENIED
    )


def _unless_denied(setting: object, refusal: Admission) -> Admission:
    return refusal if setting == _DENIED else Admission.ADMITTED
