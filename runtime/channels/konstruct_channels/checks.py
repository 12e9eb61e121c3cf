"""Is a connection in order? What is looked at, what was found, and what to do next. Pure.

A channel's own checks are its module `checks`: `CHECKS` declares them in the order in which they
are shown; `judge(config) -> findings` tells what the declaration alone shows, and where the vendor
calls a connection's own address, `rehearse(config, credentials, *, challenge) -> Rehearsal` says
what its deliveries look like. All three may be left out. Its outbound half finds out about the rest
(`Examining`). What every channel has in common is here, and the gateway's to find out.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from konstruct_channels.catalogue import has_half
from konstruct_channels.inbound import Learnt
from konstruct_channels.marking import mark as _
from konstruct_channels.spec import ChannelSpec

_LONGEST_MESSAGE = 3900


class Verdict(StrEnum):
    """What became of one check."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Words:
    """A marked sentence and its values, said in any language."""

    sentence: str
    values: Mapping[str, str] = field(default_factory=dict)

    def say(self, translate: Callable[[str], str] = str) -> str:
        """Return it; `translate` is a catalogue's gettext, English without one."""
        return translate(self.sentence).format_map(self.values) if self.sentence else ""


@dataclass(frozen=True)
class Check:
    """One thing that is looked at. `informs`: it is shown and decides nothing."""

    name: str
    title: str
    informs: bool = False


@dataclass(frozen=True)
class Finding:
    """What was found about a check, and what somebody should do about it, if anything."""

    check: str
    verdict: Verdict
    said: Words
    next_step: Words | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What a vendor's delivery looks like that says nothing.

    `handshake` is the query of the vendor's first GET, whose answer must be `answer`; empty where
    the vendor asks for none.
    """

    body: bytes = b"{}"
    handshake: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = b""


@runtime_checkable
class Examining(Protocol):
    """An outbound half that finds out about its channel's own checks, without sending anything."""

    async def examine(
        self, *, config: Mapping[str, Any], credentials: Mapping[str, str], webhook_url: str
    ) -> Sequence[Finding]:
        """Ask the vendor. Never raises for what the vendor says, or when it is away.

        `webhook_url` is where the vendor should call; empty where that is not known.
        """
        ...


SECRET, VENDOR = "secret", "vendor"
ADDRESS, ROUND_TRIP, DELIVERIES = "address", "roundTrip", "deliveries"
LAST_IN, LAST_OUT = "lastIn", "lastOut"

_SECRET = Check(SECRET, _("Secret"))
_VENDOR = Check(VENDOR, _("Credentials"))
_INWARD = (
    Check(ADDRESS, _("Public address")),
    Check(ROUND_TRIP, _("Delivery to ourselves")),
)
_COMING = Check(DELIVERIES, _("Deliveries of the vendor"))
_LAST_IN = Check(LAST_IN, _("Last message in"), informs=True)
_LAST_OUT = Check(LAST_OUT, _("Last reply out"), informs=True)


def checks_of(
    spec: ChannelSpec, *, secret: bool, vendor: bool, webhook: bool, own_address: bool
) -> tuple[Check, ...]:
    """Return a channel's checks in the order in which they are shown.

    `vendor`: its outbound half tries credentials; `own_address`: its vendor calls the connection.
    """
    own = own_checks(spec)
    found: tuple[Check, ...] = (_SECRET,) if secret else ()
    found += own or ((_VENDOR,) if vendor else ())
    found += _INWARD if own_address else ()
    found += (_COMING,) if webhook else ()
    return (*found, _LAST_IN, *((_LAST_OUT,) if spec.sends else ()))


def own_checks(spec: ChannelSpec) -> tuple[Check, ...]:
    """Return what the channel itself declares; empty without a module `checks`."""
    half = _half(spec)
    return tuple(half.CHECKS) if half is not None else ()


def judge(spec: ChannelSpec, config: Mapping[str, Any]) -> list[Finding]:
    """Return what a connection's declaration alone shows."""
    half = getattr(_half(spec), "judge", None)
    return list(half(config)) if half is not None else []


def rehearse(
    spec: ChannelSpec,
    config: Mapping[str, Any],
    credentials: Mapping[str, str],
    *,
    challenge: str,
) -> Rehearsal:
    """Return what a delivery of the channel's vendor looks like that says nothing."""
    half = getattr(_half(spec), "rehearse", None)
    found = half(config, credentials, challenge=challenge) if half is not None else Rehearsal()
    return found if isinstance(found, Rehearsal) else Rehearsal()


def ok(check: str, sentence: str, *, then: Words | None = None, **values: object) -> Finding:
    """Return that a check holds; `then` is what to do all the same."""
    return Finding(check, Verdict.OK, _words(sentence, values), then)


def failed(check: str, sentence: str, *, then: Words, **values: object) -> Finding:
    """Return that a check does not hold, and what to do."""
    return Finding(check, Verdict.FAILED, _words(sentence, values), then)


def unknown(check: str, sentence: str, *, then: Words | None = None, **values: object) -> Finding:
    """Return that nobody can tell now."""
    return Finding(check, Verdict.UNKNOWN, _words(sentence, values), then)


def step(sentence: str, **values: object) -> Words:
    """Return the next step for a person."""
    return _words(sentence, values)


def of_credentials(learnt: Learnt) -> Finding:
    """Return what a channel without checks of its own found out about its credentials."""
    verdict = {"True": Verdict.OK, "False": Verdict.FAILED}.get(learnt.status, Verdict.UNKNOWN)
    said = Words("{message}", {"message": learnt.message})
    then = step(_("Put right credentials into the connection's Secret."))
    return Finding(VENDOR, verdict, said, then if verdict is Verdict.FAILED else None)


def passed(checks: Iterable[Check], findings: Iterable[Finding]) -> Learnt:
    """Return the findings as the condition ChecksPassed, with every check named in its message.

    It says the same as long as the same holds: no times, and nothing of what only informs.
    """
    counting = {one.name for one in checks if not one.informs}
    by_verdict: dict[Verdict, list[Finding]] = {one: [] for one in Verdict}
    for one in findings:
        if one.check in counting:
            by_verdict[one.verdict].append(one)
    wrong, open_ = by_verdict[Verdict.FAILED], by_verdict[Verdict.UNKNOWN]
    lines = [f"{one.check}: {_in_english(one)}" for one in (*wrong, *open_)]
    good = ", ".join(one.check for one in by_verdict[Verdict.OK])
    if good:
        lines.append(f"In order: {good}.")
    message = " ".join(lines)[:_LONGEST_MESSAGE]
    if wrong:
        return _condition("False", f"{_capital(wrong[0].check)}Failed", message)
    if open_:
        return _condition("Unknown", f"{_capital(open_[0].check)}Unknown", message)
    return _condition("True", "EveryCheckPassed", message)


def _condition(status: Any, reason: str, message: str) -> Learnt:
    return Learnt(condition="ChecksPassed", status=status, reason=reason, message=message)


def _in_english(finding: Finding) -> str:
    then = finding.next_step
    return finding.said.say() + (f" Next: {then.say()}" if then is not None else "")


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _words(sentence: str, values: Mapping[str, object]) -> Words:
    return Words(sentence, {name: str(value) for name, value in values.items()})


def _half(spec: ChannelSpec) -> Any:
    if not has_half(spec, "checks"):
        return None
    return importlib.import_module(f"konstruct_channels.{spec.folder}.checks")
