"""The gateway's work API, as a client: claims, heartbeats, and one turn's steps and ending."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from konstruct_agent.errors import BudgetReached, Refused, RetryLater, TurnLost
from konstruct_agent.transport import Answer, Transport
from konstruct_messages.inbound import Attachment
from konstruct_messages.replies import ReplyPart
from konstruct_messages.turns import ClaimedTurn, Step, Verdict

_HTTP_OK = 200
_HTTP_NO_CONTENT = 204
_HTTP_PAYMENT = 402
_HTTP_CONFLICT = 409
_HTTP_RATE = 429
_HTTP_SERVER = 500
_WORK_TRIES = 8

_Result = TypeVar("_Result")


class WorkClient:
    """Calls of the work API. Raises TurnLost, RetryLater or Refused."""

    def __init__(self, gateway: Transport, *, boot_id: UUID, pod: str) -> None:
        self._gateway = gateway
        self._me = {"boot_id": str(boot_id), "pod": pod}

    async def claim(
        self, claim_id: UUID, *, wait_seconds: float, fresh: bool
    ) -> ClaimedTurn | None:
        """Return a turn, or None after the wait. Repeating a claim id returns the same turn.

        `fresh`: the id was never sent before.
        """
        body = {
            **self._me,
            "claim_id": str(claim_id),
            "wait_seconds": wait_seconds,
            "fresh": fresh,
        }
        answer = await self._send("POST", "/internal/work/claims", body, seconds=wait_seconds + 15)
        if answer.status == _HTTP_NO_CONTENT:
            return None
        return ClaimedTurn.model_validate_json(answer.body)

    async def heartbeat(self, turns: Iterable[ClaimedTurn]) -> dict[UUID, Verdict]:
        """Prolong the leases of `turns`; return the verdict on each."""
        held = [
            {
                "turn_id": str(turn.turn_id),
                "attempt": turn.attempt,
                "turn_token": turn.turn_token,
            }
            for turn in turns
        ]
        answer = await self._send(
            "POST", "/internal/work/heartbeats", {**self._me, "turns": held}, seconds=5
        )
        verdicts: Mapping[str, str] = json.loads(answer.body)["verdicts"]
        return {UUID(turn_id): Verdict(verdict) for turn_id, verdict in verdicts.items()}

    async def release(self) -> None:
        """Give back every turn that this boot holds."""
        await self._send("POST", "/internal/work/releases", self._me, seconds=5)

    async def record_step(self, turn: ClaimedTurn, step: Step) -> tuple[Step, Verdict]:
        """Journal a step; return what the journal holds now, which may be an earlier record."""
        answer = await self._send(
            "PUT",
            f"/internal/work/turns/{turn.turn_id}/steps/{step.number}",
            step.model_dump(mode="json"),
            turn=turn,
        )
        recorded = json.loads(answer.body)
        return Step.model_validate(recorded["step"]), Verdict(recorded["verdict"])

    async def note(self, turn: ClaimedTurn, text: str) -> None:
        """Show the person what the agent is doing; shown or not, nothing depends on it."""
        await self._send(
            "POST",
            f"/internal/work/turns/{turn.turn_id}/notes",
            {"text": text},
            turn=turn,
            seconds=5,
        )

    async def send_deltas(self, turn: ClaimedTurn, lines: AsyncIterator[bytes]) -> None:
        """Send NDJSON lines in one chunked request, for as long as `lines` goes on."""
        answer = await self._gateway.send(
            "POST",
            f"/internal/work/turns/{turn.turn_id}/deltas",
            body=lines,
            headers={**fence(turn), "Content-Type": "application/x-ndjson"},
            seconds=None,
        )
        raise_for(answer)

    async def make_file(self, turn: ClaimedTurn, number: int, name: str, text: str) -> Attachment:
        """Keep a file that step `number` makes; the same one again is the same file."""
        path = f"/internal/work/turns/{turn.turn_id}/files/{number}"
        answer = await self._send("PUT", path, {"name": name, "text": text}, turn=turn)
        return Attachment.model_validate_json(answer.body)

    async def complete(self, turn: ClaimedTurn, parts: Sequence[ReplyPart]) -> dict[str, Any]:
        """Settle the turn with its reply; repeating it returns what was recorded."""
        answer = await self._send(
            "POST",
            f"/internal/work/turns/{turn.turn_id}/complete",
            {"parts": [part.model_dump(mode="json", exclude_defaults=True) for part in parts]},
            turn=turn,
        )
        settled: dict[str, Any] = json.loads(answer.body)
        return settled

    async def fail(self, turn: ClaimedTurn, reason: str) -> None:
        """Give the turn up; the gateway apologises once."""
        await self._send(
            "POST",
            f"/internal/work/turns/{turn.turn_id}/fail",
            {"reason": reason[:500]},
            turn=turn,
        )

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        *,
        turn: ClaimedTurn | None = None,
        seconds: float = 15,
    ) -> Answer:
        headers = {"Content-Type": "application/json", **(fence(turn) if turn is not None else {})}
        answer = await self._gateway.send(
            method, path, body=json.dumps(body).encode(), headers=headers, seconds=seconds
        )
        raise_for(answer)
        return answer


async def patiently(attempt: Callable[[], Awaitable[_Result]]) -> _Result:
    """Repeat while the gateway is away; every operation may be repeated safely."""
    for pause in range(_WORK_TRIES):
        try:
            return await attempt()
        except RetryLater as error:
            if pause == _WORK_TRIES - 1:
                raise
            wait = max(min(0.1 * 2**pause, 5.0), min(error.retry_after, 5.0) if pause else 0)
            await asyncio.sleep(wait * random.uniform(0.7, 1.0))
    raise AssertionError


def fence(turn: ClaimedTurn) -> dict[str, str]:
    """Return the headers by which a turn's owner is known."""
    return {
        "Konstruct-Attempt": str(turn.attempt),
        "Konstruct-Turn-Token": turn.turn_token,
    }


def raise_for(answer: Answer) -> None:
    """Raise the error that an answer stands for; return for a good one."""
    status = answer.status
    if status in {_HTTP_OK, _HTTP_NO_CONTENT} or status < 300:  # noqa: PLR2004 - all of 2xx
        return
    if status == _HTTP_CONFLICT:
        raise TurnLost("The turn is lost.")
    if status == _HTTP_RATE or status >= _HTTP_SERVER:
        raise RetryLater(
            f"Answered {status}.", retry_after=_seconds(answer.headers.get("Retry-After"))
        )
    code = _code(answer.body)
    if status == _HTTP_PAYMENT:
        raise BudgetReached("The budget is reached.", code=code)
    raise Refused(f"Refused with {status} {code}.", code=code)


def _seconds(text: str | None) -> float:
    try:
        return min(60.0, max(0.1, float(text or "")))
    except ValueError:
        return 1.0


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
