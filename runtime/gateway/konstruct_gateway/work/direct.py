"""The work API's busiest routes without FastAPI's resolution, which costs more than their work.

The functions are those of `routes`, from which the API's document is made; only how a request
becomes their arguments is written out here, with the same refusals.
"""

import re
from typing import TypeVar
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from konstruct_gateway.edge.direct import DirectRoute
from konstruct_gateway.work import models, routes
from konstruct_gateway.work.routes import WorkServices
from konstruct_gateway.work.turns import Held
from konstruct_telemetry.logs import remember

_Body = TypeVar("_Body", bound=BaseModel)

_ATTEMPT = re.compile(r"[0-9]{1,10}", re.ASCII)
_HIGHEST_ATTEMPT = 2**31 - 1
_LONGEST_TOKEN = 128


def direct_routes(services: WorkServices) -> list[DirectRoute]:
    """Return the routes that every turn takes: claim, deltas, complete."""
    turn = "/internal/work/turns/{turn_id}"

    async def claim(request: Request) -> Response:
        tenant = routes.tenant_of(services, request)
        body = await _body(request, models.ClaimRequest)
        return await routes.claim(request, services, tenant, body)

    async def deltas(request: Request) -> Response:
        return _json(await routes.deltas(request, services, _held(services, request)))

    async def complete(request: Request) -> Response:
        held = _held(services, request)
        body = await _body(request, models.CompleteRequest)
        return _json(await routes.complete(services, held, body))

    return [
        DirectRoute("/internal/work/claims", claim),
        DirectRoute(f"{turn}/deltas", deltas),
        DirectRoute(f"{turn}/complete", complete),
    ]


def _held(services: WorkServices, request: Request) -> Held:
    tenant = routes.tenant_of(services, request)
    try:
        turn_id = UUID(request.path_params["turn_id"])
    except ValueError:
        raise _invalid("path", "turn_id", "Input should be a valid UUID") from None
    attempt = request.headers.get("konstruct-attempt", "")
    if _ATTEMPT.fullmatch(attempt) is None or not 1 <= int(attempt) <= _HIGHEST_ATTEMPT:
        raise _invalid("header", "konstruct-attempt", "Input should be a valid attempt")
    token = request.headers.get("konstruct-turn-token", "")
    if not 1 <= len(token) <= _LONGEST_TOKEN:
        raise _invalid("header", "konstruct-turn-token", "Input should be a turn token")
    remember(turn_id=turn_id)
    return Held(tenant, turn_id, int(attempt), token)


async def _body(request: Request, kind: type[_Body]) -> _Body:
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        problems = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(problems) from None


def _invalid(where: str, name: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": (where, name), "msg": message}])


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
