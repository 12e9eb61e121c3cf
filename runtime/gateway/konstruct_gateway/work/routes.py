"""The work API's routes. The tenant derives from the work token, never from the request."""

import contextlib
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from starlette.requests import ClientDisconnect

from konstruct_gateway.edge.bodies import bearer
from konstruct_gateway.edge.rates import Rates
from konstruct_gateway.errors import BadRequest, TooFast
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.work import models
from konstruct_gateway.work.claims import Claims
from konstruct_gateway.work.deltas import DeltaFlow
from konstruct_gateway.work.drafts import Drafts
from konstruct_gateway.work.turns import Held, Turns
from konstruct_messages.inbound import Attachment
from konstruct_messages.turns import ClaimedTurn, Step
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import claims as stored
from konstruct_store.claims import HeldTurn
from konstruct_store.settle import Settled
from konstruct_telemetry.logs import remember

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": models.ErrorAnswer, "description": description}
    for status, description in {
        401: "The work token belongs to nobody",
        409: "TurnLost: somebody else has the turn, or it is settled",
        413: "Too large",
        422: "The request cannot mean anything",
        429: "Too fast",
        503: "RetryLater: nothing was taken; see Retry-After",
    }.items()
}
_NDJSON: dict[str, Any] = {
    "requestBody": {
        "description": "One Delta per line",
        "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Delta"}}},
        "required": True,
    }
}


@dataclass(frozen=True)
class WorkServices:
    """What the routes work with; found in the app's state as `work`."""

    view: RegistryView
    claims: Claims
    turns: Turns
    drafts: Drafts
    rate: Rates


# Async, although it awaits nothing: a plain function would be run in a thread.
async def _services(request: Request) -> WorkServices:
    return cast("WorkServices", request.app.state.work)


def tenant_of(services: WorkServices, request: Request) -> TenantSnapshot:
    """Return whose agent asks. Raises Unloaded, Unauthorised or TooFast."""
    tenant = services.view.tenant_of_token(bearer(request))
    remember(tenant_id=tenant.tenant_id)
    if not services.rate.take(str(tenant.tenant_id)):
        raise TooFast("This tenant's agents ask too often.")
    return tenant


async def _tenant(request: Request) -> TenantSnapshot:
    return tenant_of(await _services(request), request)


async def _held(
    tenant: Annotated[TenantSnapshot, Depends(_tenant)],
    turn_id: UUID,
    konstruct_attempt: Annotated[int, Header(ge=1, le=2**31 - 1)],
    konstruct_turn_token: Annotated[str, Header(min_length=1, max_length=128)],
) -> Held:
    remember(turn_id=turn_id)
    return Held(tenant, turn_id, konstruct_attempt, konstruct_turn_token)


Services = Annotated[WorkServices, Depends(_services)]
Tenant = Annotated[TenantSnapshot, Depends(_tenant)]
HeldTurnOfRequest = Annotated[Held, Depends(_held)]


def routes() -> APIRouter:
    """Return the routes below `/internal/work`."""
    router = APIRouter(prefix="/internal/work", tags=["work"], responses=_ERRORS)
    nothing: dict[int | str, dict[str, Any]] = {204: {"description": "No work within the wait"}}
    router.post("/claims", response_model=ClaimedTurn, responses=nothing)(claim)
    router.post("/heartbeats")(heartbeat)
    router.post("/releases", status_code=204)(release)
    turn = "/turns/{turn_id}"
    router.put(f"{turn}/steps/{{number}}")(record_step)
    router.post(f"{turn}/deltas", openapi_extra=_NDJSON)(deltas)
    router.post(f"{turn}/notes", status_code=204)(note)
    router.put(f"{turn}/files/{{number}}")(make_file)
    router.post(f"{turn}/complete")(complete)
    router.post(f"{turn}/fail")(fail)
    return router


async def claim(
    request: Request, services: Services, tenant: Tenant, body: models.ClaimRequest
) -> Response:
    """Wait for a turn; the same claim_id returns the same turn."""
    turn = await services.claims.claim(tenant, body, lambda: _gone(request))
    if turn is None:
        return Response(status_code=204)
    return Response(turn.model_dump_json(), media_type="application/json")


async def heartbeat(
    services: Services, tenant: Tenant, body: models.HeartbeatRequest
) -> models.HeartbeatAnswer:
    """Prolong the leases of a pod's turns, and learn which to stop."""
    turns = [HeldTurn(one.turn_id, one.attempt, one.turn_token) for one in body.turns]
    verdicts = await stored.heartbeat(
        services.claims.store,
        tenant.tenant_id,
        body.boot_id,
        turns,
        lease_seconds=services.claims.lease_seconds,
    )
    return models.HeartbeatAnswer(verdicts=verdicts)


async def release(services: Services, tenant: Tenant, body: models.ReleaseRequest) -> Response:
    """Let go of all turns of a boot; others claim them at once."""
    released = await stored.release_turns(
        services.claims.store, tenant.tenant_id, boot_id=body.boot_id
    )
    for _ in released:
        services.claims.waiting.wake(tenant.tenant_id)
    return Response(status_code=204)


async def record_step(
    services: Services,
    held: HeldTurnOfRequest,
    number: Annotated[int, Path(ge=0, le=999)],
    step: Step,
) -> models.RecordedStepAnswer:
    """Journal a step; a repeated number returns the one recorded first."""
    if step.number != number:
        raise BadRequest("The step's number is not the address's.")
    recorded = await services.turns.record(held, step)
    return models.RecordedStepAnswer(step=recorded.step, verdict=recorded.verdict)


async def deltas(
    request: Request, services: Services, held: HeldTurnOfRequest
) -> models.DeltasAnswer:
    """Show a reply in the making: one chunked request of Delta lines per attempt."""
    context = await services.turns.context(held)
    flow = DeltaFlow(
        telling=services.turns.telling,
        tenant_id=held.tenant.tenant_id,
        conversation_id=context.conversation_id,
        turn_id=held.turn_id,
        attempt=held.attempt,
        drafting=services.drafts.open(
            held.tenant, context, held.turn_id, held.attempt, held.turn_token
        ),
    )
    with contextlib.suppress(ClientDisconnect):
        await flow.pass_on(request.stream())
    return models.DeltasAnswer(shown=flow.shown, dropped=flow.dropped)


async def note(services: Services, held: HeldTurnOfRequest, body: models.NoteRequest) -> Response:
    """Show what the agent does, in words."""
    await services.turns.note(held, body.text)
    return Response(status_code=204)


async def make_file(
    services: Services,
    held: HeldTurnOfRequest,
    number: Annotated[int, Path(ge=0, le=999)],
    body: models.MakeFileRequest,
) -> Attachment:
    """Keep a file that the step makes; the same one again is the same file.

    It is the person's once `complete` names it in a part's attachments.
    """
    return await services.turns.make_file(held, number, body.name, body.text)


async def complete(
    services: Services, held: HeldTurnOfRequest, body: models.CompleteRequest
) -> models.SettledAnswer:
    """Record the reply; repeating returns what was recorded."""
    return _answer(await services.turns.complete(held, body.parts))


async def fail(
    services: Services, held: HeldTurnOfRequest, body: models.FailRequest
) -> models.SettledAnswer:
    """Give the turn up: one apology, one dead letter."""
    return _answer(await services.turns.fail(held, body.reason))


def _answer(settled: Settled) -> models.SettledAnswer:
    return models.SettledAnswer(
        disposition=settled.disposition, reply_id=settled.reply_id, seq=settled.seq
    )


async def _gone(request: Request) -> None:
    """Return when the client is no longer there. The body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
