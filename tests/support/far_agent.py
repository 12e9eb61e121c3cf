"""A tiny agent for tests: claims through the work API and answers as its script says.

`async with far_agent(url, token) as agent:` answers every turn with "You said: ...". A script is
`async def script(turn: FarAgentTurn) -> str | None`; None leaves the turn as it is.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from konstruct_messages.turns import ClaimedTurn, Step, StepKind, StepState


class WorkClient:
    """The work API, one method per route. Answers are httpx responses; nothing is retried."""

    def __init__(self, client: httpx.AsyncClient, token: str, *, pod: str = "agent-0") -> None:
        self.client = client
        self.pod = pod
        self.boot_id = uuid4()
        self._headers = {"Authorization": f"Bearer {token}"}

    async def claim(
        self, *, claim_id: UUID | None = None, wait: float = 0.0, fresh: bool = False
    ) -> httpx.Response:
        body = {
            "fresh": fresh,
            "claim_id": str(claim_id or uuid4()),
            "boot_id": str(self.boot_id),
            "pod": self.pod,
            "wait_seconds": wait,
        }
        return await self._post("/internal/work/claims", body)

    async def claimed(self, *, claim_id: UUID | None = None, wait: float = 5.0) -> ClaimedTurn:
        answer = await self.claim(claim_id=claim_id, wait=wait)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return ClaimedTurn.model_validate(answer.json())

    async def heartbeat(self, *turns: ClaimedTurn) -> httpx.Response:
        held = [
            {
                "turn_id": str(turn.turn_id),
                "attempt": turn.attempt,
                "turn_token": turn.turn_token,
            }
            for turn in turns
        ]
        body = {"boot_id": str(self.boot_id), "pod": self.pod, "turns": held}
        return await self._post("/internal/work/heartbeats", body)

    async def release(self) -> httpx.Response:
        body = {"boot_id": str(self.boot_id), "pod": self.pod}
        return await self._post("/internal/work/releases", body)

    async def step(self, turn: ClaimedTurn, step: Step) -> httpx.Response:
        return await self.client.put(
            self.path(turn, f"steps/{step.number}"),
            json=step.model_dump(mode="json"),
            headers=self.fence(turn),
        )

    async def note(self, turn: ClaimedTurn, text: str) -> httpx.Response:
        return await self._post(self.path(turn, "notes"), {"text": text}, turn)

    async def deltas(self, turn: ClaimedTurn, texts: Iterable[str]) -> httpx.Response:
        async def lines() -> AsyncIterator[bytes]:
            offset = 0
            for text in texts:
                delta = {"attempt": turn.attempt, "offset": offset, "text": text}
                offset += len(text)
                yield json.dumps(delta).encode() + b"\n"

        return await self.client.post(
            self.path(turn, "deltas"), content=lines(), headers=self.fence(turn)
        )

    async def complete(self, turn: ClaimedTurn, *texts: str) -> httpx.Response:
        parts = [{"part": number, "text": text} for number, text in enumerate(texts)]
        return await self._post(self.path(turn, "complete"), {"parts": parts}, turn)

    async def ask(self, turn: ClaimedTurn, text: str, choices: Mapping[str, str]) -> httpx.Response:
        """Answer with a question; `choices` are labels by their keys."""
        offered = [{"key": key, "label": label} for key, label in choices.items()]
        parts = [{"part": 0, "text": text, "choices": offered}]
        return await self._post(self.path(turn, "complete"), {"parts": parts}, turn)

    async def make_file(
        self, turn: ClaimedTurn, name: str, text: str, *, number: int = 1
    ) -> httpx.Response:
        return await self.client.put(
            self.path(turn, f"files/{number}"),
            json={"name": name, "text": text},
            headers=self.fence(turn),
        )

    async def give(self, turn: ClaimedTurn, text: str, *files: Mapping[str, Any]) -> httpx.Response:
        """Answer with a text and files that the turn made."""
        parts = [{"part": 0, "text": text, "attachments": files}]
        return await self._post(self.path(turn, "complete"), {"parts": parts}, turn)

    async def fail(self, turn: ClaimedTurn, reason: str) -> httpx.Response:
        return await self._post(self.path(turn, "fail"), {"reason": reason}, turn)

    def fence(self, turn: ClaimedTurn) -> dict[str, str]:
        return self._headers | {
            "Konstruct-Attempt": str(turn.attempt),
            "Konstruct-Turn-Token": turn.turn_token,
        }

    @staticmethod
    def path(turn: ClaimedTurn, rest: str) -> str:
        return f"/internal/work/turns/{turn.turn_id}/{rest}"

    async def _post(
        self, path: str, body: dict[str, Any], turn: ClaimedTurn | None = None
    ) -> httpx.Response:
        headers = self.fence(turn) if turn is not None else self._headers
        return await self.client.post(path, json=body, headers=headers)


@dataclass
class FarAgentTurn:
    """What a script is given."""

    work: WorkClient
    turn: ClaimedTurn

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.turn.messages)

    async def record(self, number: int, name: str) -> Step:
        """Journal a finished tool step; return what is recorded under its number."""
        step = Step(number=number, kind=StepKind.TOOL, state=StepState.DONE, name=name)
        answer = await self.work.step(self.turn, step)
        answer.raise_for_status()
        return Step.model_validate(answer.json()["step"])


async def until_stopped(given: FarAgentTurn) -> None:
    """Wait until a heartbeat says that the turn is to stop."""
    name = str(given.turn.turn_id)
    while True:
        answer = await given.work.heartbeat(given.turn)
        if answer.json()["verdicts"][name] == "Stop":
            return
        await asyncio.sleep(0.05)


Script = Callable[[FarAgentTurn], Awaitable[str | None]]


async def echo(given: FarAgentTurn) -> str:
    """Say what was said."""
    return f"You said: {given.text}"


@dataclass
class FarAgent:
    """A running agent and the turns it claimed."""

    work: WorkClient
    script: Script
    turns: list[ClaimedTurn] = field(default_factory=list)
    _working: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        claim_id = uuid4()
        while True:
            try:
                answer = await self.work.claim(claim_id=claim_id, wait=5)
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 200:
                turn = ClaimedTurn.model_validate(answer.json())
                self.turns.append(turn)
                task = asyncio.create_task(self._answer(turn))
                self._working.add(task)
                task.add_done_callback(self._working.discard)
                claim_id = uuid4()
            elif answer.status_code == 204:
                claim_id = uuid4()
            else:
                await asyncio.sleep(0.05)

    async def end(self) -> None:
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _answer(self, turn: ClaimedTurn) -> None:
        text = await self.script(FarAgentTurn(self.work, turn))
        while text is not None:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self.work.complete(turn, text)
                if answer.status_code != 503:
                    return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def far_agent(
    gateway_internal_url: str, token: str, script: Script = echo, *, pod: str = "agent-0"
) -> AsyncIterator[FarAgent]:
    """Run an agent of the tenant whose work token this is, until the block ends."""
    async with httpx.AsyncClient(
        base_url=gateway_internal_url, timeout=40, trust_env=False
    ) as client:
        agent = FarAgent(WorkClient(client, token, pod=pod), script)
        running = asyncio.create_task(agent.run())
        try:
            yield agent
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await agent.end()
