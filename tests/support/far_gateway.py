"""The gateway as an agent sees it: the work API over a real socket, its queue in memory.

It keeps the rules that matter to an agent (fences, leases by attempt, steps recorded once, one
settlement) and a ledger of everything that was asked. `far.away = True` answers 503.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from konstruct_messages.inbound import Attachment
from konstruct_messages.turns import ClaimedTurn, Line, Speaker, Step, StepState, Verdict
from support.sockets import serve

REFUSED = "the gateway keeps no file with this text"


@dataclass
class FarTurn:
    """A turn as the far gateway keeps it."""

    claimed: ClaimedTurn
    boot_id: str = ""
    steps: dict[int, Step] = field(default_factory=dict)
    puts: list[Step] = field(default_factory=list)
    deltas: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Files that were made, as they came: the number of the step, name and text.
    made: list[tuple[int, str, str]] = field(default_factory=list)
    verdict: Verdict = Verdict.CONTINUE
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    settlements: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def reply(self) -> str:
        kind, parts = self.settlements[0]
        assert kind == "complete", self.settlements
        return "".join(part["text"] for part in parts)

    async def ended(self, seconds: float = 10) -> "FarTurn":
        async with asyncio.timeout(seconds):
            await self.settled.wait()
        return self


class FarGateway:
    """The work API. `async with open_far_gateway() as far:`; then `far.offer(turn(...))`."""

    def __init__(self) -> None:
        self.url = ""
        self.token = "kw_far_gateway"
        self.away = False
        self.turns: dict[UUID, FarTurn] = {}
        self.releases: list[str] = []
        self.heartbeats: list[dict[str, Any]] = []
        self._queue: list[FarTurn] = []
        self._claims: dict[str, FarTurn] = {}
        self._woken = asyncio.Event()
        self._closing = False

    def close(self) -> None:
        """Let every waiting claim go."""
        self._closing = True
        self._wake()

    def _wake(self) -> None:
        self._woken.set()
        self._woken = asyncio.Event()

    def offer(self, claimed: ClaimedTurn) -> FarTurn:
        """Queue a turn, or an already known one's next attempt."""
        known = self.turns.get(claimed.turn_id)
        if known is None:
            known = self.turns[claimed.turn_id] = FarTurn(claimed)
        else:
            steps = tuple(step for _, step in sorted(known.steps.items()))
            known.claimed = claimed.model_copy(update={"steps": steps})
        self._queue.append(known)
        self._wake()
        return known

    def app(self) -> Starlette:
        one = "/internal/work/turns/{turn_id}"
        return Starlette(
            routes=[
                Route("/internal/work/claims", self._claim, methods=["POST"]),
                Route("/internal/work/heartbeats", self._heartbeat, methods=["POST"]),
                Route("/internal/work/releases", self._release, methods=["POST"]),
                Route(f"{one}/steps/{{number:int}}", self._step, methods=["PUT"]),
                Route(f"{one}/files/{{number:int}}", self._file, methods=["PUT"]),
                Route(f"{one}/deltas", self._deltas, methods=["POST"]),
                Route(f"{one}/notes", self._note, methods=["POST"]),
                Route(f"{one}/complete", self._complete, methods=["POST"]),
                Route(f"{one}/fail", self._fail, methods=["POST"]),
            ]
        )

    def fenced(self, request: Request) -> FarTurn | None:
        """Return the turn, or None when the caller does not hold it."""
        known = self.turns.get(UUID(request.path_params["turn_id"]))
        if known is None or request.headers["konstruct-attempt"] != str(known.claimed.attempt):
            return None
        if request.headers["konstruct-turn-token"] != known.claimed.turn_token:
            return None
        return known

    def refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "Unauthorised")
        return _error(503, "RetryLater") if self.away else None

    async def _claim(self, request: Request) -> Response:
        body = await request.json()
        if refusal := self.refusal(request):
            return refusal
        if body["claim_id"] in self._claims:
            return _claimed(self._claims[body["claim_id"]])
        try:
            async with asyncio.timeout(body["wait_seconds"]):
                while not self._queue:
                    await self._woken.wait()
                    if self._closing or await request.is_disconnected():
                        return Response(status_code=204)
        except TimeoutError:
            return Response(status_code=204)
        taken = self._queue.pop(0)
        taken.boot_id = body["boot_id"]
        self._claims[body["claim_id"]] = taken
        return _claimed(taken)

    async def _heartbeat(self, request: Request) -> Response:
        body = await request.json()
        if refusal := self.refusal(request):
            return refusal
        self.heartbeats.append(body)
        verdicts = {}
        for held in body["turns"]:
            known = self.turns[UUID(held["turn_id"])]
            lost = held["attempt"] != known.claimed.attempt or known.settled.is_set()
            verdicts[held["turn_id"]] = Verdict.LOST if lost else known.verdict
        return JSONResponse({"verdicts": verdicts})

    async def _release(self, request: Request) -> Response:
        self.releases.append((await request.json())["boot_id"])
        return Response(status_code=204)

    async def _step(self, request: Request) -> Response:
        body = await request.json()
        if refusal := self.refusal(request):
            return refusal
        known = self.fenced(request)
        if known is None or known.settled.is_set():
            return _error(409, "TurnLost")
        step = Step.model_validate(body)
        known.puts.append(step)
        recorded = known.steps.get(step.number)
        if recorded is None or (
            recorded.state is StepState.STARTED and step.state is StepState.DONE
        ):
            known.steps[step.number] = recorded = step
        return JSONResponse({"step": recorded.model_dump(mode="json"), "verdict": known.verdict})

    async def _file(self, request: Request) -> Response:
        body = await request.json()
        known = self.fenced(request)
        if known is None or known.settled.is_set():
            return _error(409, "TurnLost")
        if body["text"] == REFUSED:
            return _error(422, "invalid")
        number = request.path_params["number"]
        known.made.append((number, body["name"], body["text"]))
        key = uuid5(known.claimed.turn_id, f"{number} {body['name']} {body['text']}")
        size = len(body["text"].encode())
        kept = Attachment(key=str(key), name=body["name"], media_type="text/csv", size_bytes=size)
        return JSONResponse(kept.model_dump(mode="json"))

    async def _deltas(self, request: Request) -> Response:
        known = self.fenced(request)
        if known is None:
            return _error(409, "TurnLost")
        rest = b""
        async for chunk in request.stream():
            *lines, rest = (rest + chunk).split(b"\n")
            known.deltas.extend(json.loads(line) for line in lines)
        return JSONResponse({})

    async def _note(self, request: Request) -> Response:
        known = self.fenced(request)
        if known is None:
            return _error(409, "TurnLost")
        known.notes.append((await request.json())["text"])
        return Response(status_code=204)

    async def _complete(self, request: Request) -> Response:
        return await self._settle(request, "complete", "parts", "Answered")

    async def _fail(self, request: Request) -> Response:
        return await self._settle(request, "fail", "reason", "Dead")

    async def _settle(self, request: Request, kind: str, name: str, disposition: str) -> Response:
        body = await request.json()
        if refusal := self.refusal(request):
            return refusal
        known = self.fenced(request)
        if known is None:
            return _error(409, "TurnLost")
        if not known.settled.is_set():
            known.settlements.append((kind, body[name]))
            known.settled.set()
        return JSONResponse({"disposition": disposition, "reply_id": str(uuid4()), "seq": 2})


@asynccontextmanager
async def open_far_gateway() -> AsyncIterator[FarGateway]:
    """Serve a far gateway on a free loopback port."""
    far = FarGateway()
    async with serve(far.app()) as url:
        far.url = url
        yield far
        far.close()


def turn(text: str = "hello", **over: Any) -> ClaimedTurn:
    """Return a claimed turn with one message."""
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC)
    values: dict[str, Any] = {
        "tenant_id": uuid4(),
        "turn_id": uuid4(),
        "conversation_id": uuid4(),
        "attempt": 1,
        "turn_token": "t" * 43,
        "lease_seconds": 15,
        "deadline": moment + timedelta(hours=1),
        "agent": {"name": "ana", "displayName": "Ana", "instructions": "Be brief."},
        "tenant": {"displayName": "Acme", "timeZone": "Europe/Madrid"},
        "language": "en",
        "messages": (Line(speaker=Speaker.PERSON, name="Eva", text=text, at=moment),),
    }
    return ClaimedTurn.model_validate(values | over)


def _claimed(taken: FarTurn) -> Response:
    return JSONResponse(taken.claimed.model_dump(mode="json"))


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": code}}, status_code=status)
