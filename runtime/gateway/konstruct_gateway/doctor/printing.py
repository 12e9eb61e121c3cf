"""Findings on a terminal: one line for each check, and below it what to do."""

import json
from collections.abc import Iterator, Sequence

from konstruct_channels.checks import Verdict
from konstruct_gateway.doctor.words import SaidConnection, SaidFinding

MARKS = {Verdict.OK: "ok", Verdict.UNKNOWN: "??", Verdict.FAILED: "XX"}
_COLOURS = {Verdict.OK: "32", Verdict.UNKNOWN: "33", Verdict.FAILED: "31"}
_BOLD = "1"


def render(connections: Sequence[SaidConnection], *, colour: bool) -> str:
    """Return the connections as text that ends without a line break."""
    blocks = ("\n".join(_lines(one, colour=colour)) for one in connections)
    return "\n\n".join(blocks)


def document(connections: Sequence[SaidConnection]) -> str:
    """Return the connections as JSON for programs."""
    shown = [one.model_dump(mode="json", by_alias=True) for one in connections]
    return json.dumps({"connections": shown}, ensure_ascii=False, indent=2)


def sick(connections: Sequence[SaidConnection]) -> bool:
    """Tell whether a check of any connection failed."""
    return any(one.verdict is Verdict.FAILED for one in connections)


def _lines(connection: SaidConnection, *, colour: bool) -> Iterator[str]:
    name = f"{connection.tenant}/{connection.connection}"
    yield f"{paint(name, _BOLD, colour=colour)}  {connection.channel}"
    for one in connection.findings:
        yield f"  {_mark(one, colour=colour)}  {one.title}: {one.message}"
        if one.next_step:
            yield f"      -> {one.next_step}"


def _mark(finding: SaidFinding, *, colour: bool) -> str:
    if finding.informs:
        return "--"
    return paint(MARKS[finding.verdict], _COLOURS[finding.verdict], colour=colour)


def paint(text: str, code: str, *, colour: bool) -> str:
    """Return `text` between the escapes of a colour (ECMA-48), or as it is."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
