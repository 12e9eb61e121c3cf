"""One call, several deployments: breakers, a retry budget, a deadline, fallbacks.

The rules (each has a test of its name):
- a failing deployment leaves the rotation within three failures, and at once for as long as its
  provider asks (429 or 503 with Retry-After) or when the key is refused;
- at most one retry per deployment, paid from a budget that keeps all attempts under 1.2 x calls;
- a request that the provider refuses is not tried elsewhere, and says nothing about its health;
- once a piece of an answer has been passed on, there is no second try: the caller decides.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import structlog

from konstruct_llm.circuit import Breaker, CircuitState, RetryBudget
from konstruct_llm.compatible import DirectVendor, speaks
from konstruct_llm.errors import AttemptFailed, FailureKind, RequestRefused, TryLater
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.provider import ChatCall, Deployment, Embeddings, Piece, Vendor

_log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")

_KEY_REST_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 5.0
_RETRIABLE = {FailureKind.UNAVAILABLE, FailureKind.MALFORMED, FailureKind.RATE_LIMITED}
_NO_FAULT = {FailureKind.REFUSED, FailureKind.TOO_LONG}


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a first piece, between pieces."""

    first_token: float = 30.0
    token_gap: float = 20.0


@dataclass(frozen=True)
class Opened:
    """An answer that has begun. `pieces` includes the first; it raises AttemptFailed."""

    deployment: Deployment
    pieces: AsyncGenerator[Piece, None]


class Router:
    """Chooses deployments for calls. One per program: its memory of failures is the point."""

    def __init__(
        self,
        vendor: Callable[[], Awaitable[Vendor]],
        *,
        direct: DirectVendor,
        metrics: LlmMetrics,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vendor = vendor
        self._direct = direct
        self._metrics = metrics
        self._patience = patience
        self._sleep = sleep
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._budget = RetryBudget()

    def breaker(self, deployment: Deployment) -> Breaker:
        """Return the breaker of a deployment."""
        clock = asyncio.get_running_loop().time
        return self._breakers.setdefault(deployment.circuit, Breaker(clock))

    async def open(self, chain: Sequence[Deployment], call: ChatCall, *, deadline: float) -> Opened:
        """Return the first answer that begins; `deadline` is in the event loop's time.

        Raises RequestRefused, or TryLater when no deployment of the chain can answer.
        """

        async def attempt(deployment: Deployment) -> Opened:
            return await self._begin(deployment, call, deadline)

        return await self._first(chain, attempt, deadline)

    async def embed(
        self, chain: Sequence[Deployment], texts: Sequence[str], *, deadline: float
    ) -> tuple[Deployment, Embeddings]:
        """Return the vectors and who made them. Raises as `open`."""

        async def attempt(deployment: Deployment) -> tuple[Deployment, Embeddings]:
            vendor = await self._vendor()
            left = deadline - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(left):
                    found = await vendor.embed(deployment, texts, timeout_seconds=left)
            except TimeoutError as error:
                raise AttemptFailed(FailureKind.TIMEOUT, "No answer in time.") from error
            self._succeeded(deployment)
            return deployment, found

        return await self._first(chain, attempt, deadline)

    async def _first(
        self,
        chain: Sequence[Deployment],
        attempt: Callable[[Deployment], Awaitable[_Result]],
        deadline: float,
    ) -> _Result:
        self._budget.earn()
        now = asyncio.get_running_loop().time
        last_failure: AttemptFailed | None = None
        for place, deployment in enumerate(chain):
            retried = False
            while self.breaker(deployment).admit(self._patience.first_token):
                try:
                    return await attempt(deployment)
                except asyncio.CancelledError:
                    self.breaker(deployment).abandoned()
                    raise
                except AttemptFailed as failure:
                    last_failure = failure
                    self._failed(deployment, failure)
                    if failure.kind is FailureKind.REFUSED:
                        raise RequestRefused("The provider refused the request.") from failure
                    wait = self._wait(failure, last=place == len(chain) - 1)
                if retried or wait is None or now() + wait >= deadline or not self._budget.spend():
                    break
                retried = True
                self._metrics.retries.labels(deployment.model.name).inc()
                await self._sleep(wait)
            if now() >= deadline:
                break
        soonest = min((self.breaker(one).opens_in() for one in chain), default=5.0)
        raise TryLater("No model can answer at the moment.", retry_after=max(1.0, soonest)) from (
            last_failure
        )

    async def _begin(self, deployment: Deployment, call: ChatCall, deadline: float) -> Opened:
        # A server that needs no translation does not wait for the library that translates.
        vendor = self._direct if speaks(deployment) else await self._vendor()
        loop = asyncio.get_running_loop()
        stream = vendor.stream(deployment, call, timeout_seconds=deadline - loop.time())
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + self._patience.first_token)):
                held = await _first_words(stream)
        except TimeoutError as error:
            await stream.aclose()
            raise AttemptFailed(FailureKind.TIMEOUT, "No first token in time.") from error
        except BaseException:
            await stream.aclose()
            raise
        return Opened(deployment, self._follow(deployment, held, stream, deadline))

    async def _follow(
        self,
        deployment: Deployment,
        held: Sequence[Piece],
        stream: AsyncGenerator[Piece, None],
        deadline: float,
    ) -> AsyncGenerator[Piece, None]:
        loop = asyncio.get_running_loop()
        judged = False
        try:
            async with aclosing(stream):
                for piece in held:
                    yield piece
                while True:
                    until = min(deadline, loop.time() + self._patience.token_gap)
                    async with asyncio.timeout_at(until):
                        following = await anext(stream, None)
                    if following is None:
                        break
                    yield following
            judged = True
            self._succeeded(deployment)
        except TimeoutError as error:
            judged = True
            failure = AttemptFailed(FailureKind.TIMEOUT, "The stream stood still.")
            self._failed(deployment, failure)
            raise failure from error
        except AttemptFailed as failure:
            judged = True
            self._failed(deployment, failure)
            raise
        finally:
            if not judged:
                self.breaker(deployment).abandoned()

    def _wait(self, failure: AttemptFailed, *, last: bool) -> float | None:
        """Return how long to wait before the same deployment is tried again; None: not at all."""
        if failure.kind not in _RETRIABLE:
            return None
        if failure.retry_after > 0:
            wanted = failure.retry_after <= _LONGEST_WAIT_SECONDS and last
            return failure.retry_after + 0.05 if wanted else None
        if failure.kind is FailureKind.RATE_LIMITED and not last:
            return None
        return random.uniform(0.1, 0.4)

    def _succeeded(self, deployment: Deployment) -> None:
        self.breaker(deployment).succeeded()
        self._metrics.attempts.labels(deployment.model.name, "answered").inc()
        self._show(deployment)

    def _failed(self, deployment: Deployment, failure: AttemptFailed) -> None:
        breaker = self.breaker(deployment)
        self._metrics.attempts.labels(deployment.model.name, failure.kind.value).inc()
        if failure.kind in _NO_FAULT:
            breaker.abandoned()
            return
        rest = failure.retry_after
        if failure.kind is FailureKind.KEY_REFUSED:
            rest = _KEY_REST_SECONDS
        breaker.failed(rest_seconds=rest)
        self._show(deployment)
        _log.warning(
            "attempt_failed",
            model=deployment.model.name,
            owner=deployment.owner,
            kind=failure.kind.value,
            detail=str(failure),
            circuit=breaker.state.value,
        )

    def _show(self, deployment: Deployment) -> None:
        closed = self.breaker(deployment).state is CircuitState.CLOSED
        self._metrics.open_circuits.labels(deployment.model.name).set(0 if closed else 1)


async def _first_words(stream: AsyncIterator[Piece]) -> list[Piece]:
    """Return the pieces up to the first that says something. Raises AttemptFailed if none does."""
    held: list[Piece] = []
    async for piece in stream:
        held.append(piece)
        if _says(piece) or piece.finish_reason not in {"", "stop"}:
            return held
        if piece.finish_reason:
            break
    raise AttemptFailed(FailureKind.MALFORMED, "The answer is empty.")


def _says(piece: Piece) -> bool:
    return bool(piece.text or piece.tool_calls)
