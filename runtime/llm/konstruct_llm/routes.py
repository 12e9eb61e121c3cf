"""The HTTP surface: OpenAI's shapes outside, the service's words inside."""

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse

from konstruct_llm.assembly import deltas_of, event
from konstruct_llm.calls import ModelCalls, RunningCall
from konstruct_llm.errors import CallRefused
from konstruct_llm.ledger import Recorded, StepKey
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.requests import ChatCompletionRequest, EmbeddingRequest
from konstruct_llm.service import ModelService
from konstruct_llm.tenants import Tenants
from konstruct_store import Store
from konstruct_store.errors import StoreError

_log = structlog.get_logger(__name__)

# Faster than a person sees; each event costs every program on its way.
_PAUSE_SECONDS = 0.025


@dataclass(frozen=True)
class Parts:
    """What the routes work with."""

    store: Store
    tenants: Tenants
    service: ModelService
    calls: ModelCalls
    metrics: LlmMetrics


class TurnHeaders:
    """The headers by which a caller names its turn and step."""

    def __init__(
        self,
        konstruct_turn: Annotated[UUID, Header(description="The turn's id")],
        konstruct_attempt: Annotated[int, Header(ge=1, description="The claim's attempt")],
        konstruct_turn_token: Annotated[str, Header(description="The claim's turn token")],
        konstruct_step: Annotated[int, Header(ge=0, le=999, description="The step's number")] = 0,
        traceparent: Annotated[
            str, Header(max_length=55, description="The caller's span (W3C)")
        ] = "",
    ) -> None:
        self.turn_id = konstruct_turn
        self.attempt = konstruct_attempt
        self.turn_token = konstruct_turn_token
        self.number = konstruct_step
        self.traceparent = traceparent

    def step(self, tenant_id: UUID) -> StepKey:
        """Return the step of this tenant that the headers name."""
        return StepKey(
            tenant_id=tenant_id,
            turn_id=self.turn_id,
            attempt=self.attempt,
            turn_token=self.turn_token,
            number=self.number,
            traceparent=self.traceparent,
        )


Turn = Annotated[TurnHeaders, Depends()]
Authorization = Annotated[str, Header(description="`Bearer` and the tenant's work token")]


async def chat_completions(
    request: Request,
    body: ChatCompletionRequest,
    turn: Turn,
    authorization: Authorization = "",
) -> Response:
    """Answer a model step, streamed or whole.

    After success the step is journalled. A repeat returns the record without another call.
    """
    parts = _parts(request)
    tenant = await parts.tenants.authenticate(authorization)
    running = await parts.service.chat(turn.step(tenant.tenant_id), body)
    parts.calls.arrived(running)
    try:
        await running.begun()
    except BaseException:
        parts.calls.left(running)
        raise
    if body.stream:
        return StreamingResponse(
            _stream(parts.calls, running),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )
    try:
        async for _ in running.follow():
            pass
    finally:
        parts.calls.left(running)
    return JSONResponse(_whole(running))


async def embeddings(
    request: Request, body: EmbeddingRequest, turn: Turn, authorization: Authorization = ""
) -> Response:
    """Return one vector per text, booked to the turn's agent."""
    parts = _parts(request)
    tenant = await parts.tenants.authenticate(authorization)
    model, found = await parts.service.embed(turn.step(tenant.tenant_id), body)
    return JSONResponse(
        {
            "object": "list",
            "model": model.name,
            "data": [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(found.vectors)
            ],
            "usage": {"prompt_tokens": found.input_tokens, "total_tokens": found.input_tokens},
        }
    )


async def models(request: Request, authorization: Authorization = "") -> Response:
    """List the models that this tenant's agents may name."""
    parts = _parts(request)
    tenant = await parts.tenants.authenticate(authorization)
    found = parts.service.models(tenant)
    return JSONResponse(
        {
            "object": "list",
            "data": [
                {"id": one.name, "object": "model", "created": 0, "owned_by": "konstruct"}
                for one in found
            ],
        }
    )


async def healthz() -> Response:
    """Alive."""
    return Response("ok\n", media_type="text/plain")


async def readyz(request: Request) -> Response:
    """Able to serve: database and registry are there. The first call may wait for litellm."""
    parts = _parts(request)
    try:
        await parts.store.check()
    except StoreError as error:
        return Response(f"{error}\n", status_code=503, media_type="text/plain")
    if not parts.tenants.loaded:
        return Response("the registry is not loaded\n", status_code=503, media_type="text/plain")
    return Response("ok\n", media_type="text/plain")


async def render_metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(_parts(request).metrics.render(), media_type="text/plain; version=0.0.4")


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal in OpenAI's shape."""
    refusal = cast("CallRefused", error)
    _parts(request).metrics.refused.labels(refusal.code).inc()
    headers = {}
    if refusal.retry_after > 0:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    return JSONResponse(_error(refusal), status_code=refusal.status, headers=headers)


async def malformed(_request: Request, error: Exception) -> Response:
    """Answer a malformed request without repeating what it said."""
    problems = cast("RequestValidationError", error).errors()
    where = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:8]
    )
    body = {"message": where, "type": "konstruct_error", "code": "invalid_request"}
    return JSONResponse({"error": body}, status_code=400)


async def _stream(calls: ModelCalls, running: RunningCall) -> AsyncGenerator[bytes, None]:
    head = {
        "id": f"chatcmpl-{running.step.turn_id}-{running.step.number}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": running.model,
    }
    first: dict[str, Any] = {"role": "assistant"}
    try:
        async for pieces in running.follow(pause_seconds=_PAUSE_SECONDS):
            events = bytearray()
            for delta in deltas_of(pieces):
                events += event(_chunk(head, first | delta))
                first = {}
            if events:
                yield bytes(events)
        recorded = cast("Recorded", running.recorded)
        last = _chunk(head, {}, finish_reason=recorded.finish_reason)
        end = event({**last, "usage": recorded.usage, "konstruct": _extra(running)})
        yield end + b"data: [DONE]\n\n"
    except CallRefused as refusal:
        yield event(_error(refusal))
    finally:
        calls.left(running)


def _chunk(
    head: Mapping[str, Any], delta: Mapping[str, Any], *, finish_reason: str | None = None
) -> dict[str, Any]:
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _whole(running: RunningCall) -> dict[str, Any]:
    recorded = cast("Recorded", running.recorded)
    return {
        "id": f"chatcmpl-{running.step.turn_id}-{running.step.number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": recorded.model,
        "choices": [
            {"index": 0, "message": recorded.message, "finish_reason": recorded.finish_reason}
        ],
        "usage": recorded.usage,
        "konstruct": _extra(running),
    }


def _extra(running: RunningCall) -> dict[str, str]:
    return {"verdict": cast("Recorded", running.recorded).verdict.value}


def _error(refusal: CallRefused) -> dict[str, Any]:
    return {"error": {"message": str(refusal), "type": "konstruct_error", "code": refusal.code}}


def _parts(request: Request) -> Parts:
    return cast("Parts", request.app.state.parts)
