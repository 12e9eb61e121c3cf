"""The pod's loops: claim while there is room, one heartbeat for all turns, release at the end."""

import asyncio
import contextlib
import random
from uuid import UUID, uuid4

import structlog

from konstruct_agent.errors import AgentError, Refused, RetryLater, TurnLost
from konstruct_agent.means import Means
from konstruct_agent.turn import TurnWorker
from konstruct_messages.turns import ClaimedTurn, Verdict

_log = structlog.get_logger(__name__)


class Worker:
    """All turns of one pod. `run` until `stop` is set, then release what is not yet settled."""

    def __init__(
        self,
        means: Means,
        *,
        concurrency: int,
        claim_wait_seconds: float,
        heartbeat_seconds: float,
        stop_seconds: float,
    ) -> None:
        self._means = means
        self._room = asyncio.Semaphore(concurrency)
        self._claim_wait = claim_wait_seconds
        self._heartbeat_pause = heartbeat_seconds
        self._stop_seconds = stop_seconds
        self._turns: dict[UUID, tuple[TurnWorker, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        loops = [
            asyncio.create_task(self._claim_for_ever()),
            asyncio.create_task(self._beat_for_ever()),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
            for loop in loops:
                if loop.done():
                    loop.result()
        finally:
            for task in (*loops, stopping):
                task.cancel()
            await asyncio.gather(*loops, stopping, return_exceptions=True)
            await self._release()

    async def _claim_for_ever(self) -> None:
        claim_id = uuid4()
        failures = 0
        while True:
            await self._room.acquire()
            try:
                turn = await self._means.work.claim(
                    claim_id, wait_seconds=self._claim_wait, fresh=not failures
                )
            except (RetryLater, Refused, TurnLost) as error:
                # The same claim id again: an answer lost on the way is given once more.
                self._room.release()
                failures += 1
                if failures in {1, 10, 100}:
                    _log.warning("claim_failed", reason=str(error))
                await asyncio.sleep(min(5.0, 0.1 * 2 ** min(failures, 6)) * random.uniform(0.5, 1))
                continue
            except BaseException:
                self._room.release()
                raise
            failures = 0
            claim_id = uuid4()
            if turn is None:
                self._room.release()
            else:
                self._begin(turn)

    def _begin(self, turn: ClaimedTurn) -> None:
        held = self._turns.get(turn.turn_id)
        if held is not None:
            held[1].cancel()  # we hold an older attempt of the same turn: it is lost
        worker = TurnWorker(turn, self._means)
        task = asyncio.create_task(worker.run(), name=f"turn-{turn.turn_id}")
        self._turns[turn.turn_id] = (worker, task)
        task.add_done_callback(lambda _task: self._end(turn, worker))

    def _end(self, turn: ClaimedTurn, worker: TurnWorker) -> None:
        self._room.release()
        held = self._turns.get(turn.turn_id)
        if held is not None and held[0] is worker:
            del self._turns[turn.turn_id]

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_pause)
            workers = [worker for worker, _ in self._turns.values()]
            if not workers:
                continue
            try:
                verdicts = await self._means.work.heartbeat(worker.turn for worker in workers)
            except AgentError as error:
                _log.warning("heartbeat_failed", reason=str(error))
                continue
            for turn_id, verdict in verdicts.items():
                self._heed(turn_id, verdict)

    def _heed(self, turn_id: UUID, verdict: Verdict) -> None:
        held = self._turns.get(turn_id)
        if held is None:
            return
        worker, task = held
        if verdict is Verdict.STOP:
            worker.stop()
        elif verdict is Verdict.LOST and not worker.settling:
            task.cancel()

    async def _release(self) -> None:
        """Let replies in transmission finish, drop the rest, and give everything back."""
        settling = [task for worker, task in self._turns.values() if worker.settling]
        if settling:
            await asyncio.wait(settling, timeout=self._stop_seconds)
        tasks = [task for _, task in self._turns.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(AgentError):
            await self._means.work.release()
        _log.info("agent_stopped", released=len(tasks))
