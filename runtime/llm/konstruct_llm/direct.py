"""The one busy route without FastAPI's resolution, which costs more than the route's own work.

The function is that of `routes`, from which the API's document is made; only how a request becomes
its arguments is written out here, with the same refusals.
"""

from uuid import UUID

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from konstruct_llm import routes
from konstruct_llm.errors import CallRefused
from konstruct_llm.requests import ChatCompletionRequest

_PATH = "/v1/chat/completions"


class _Headers(BaseModel):
    """The headers that name a turn and its step, as `routes.TurnHeaders` declares them."""

    model_config = ConfigDict(extra="ignore")

    turn: UUID = Field(alias="konstruct-turn")
    attempt: int = Field(alias="konstruct-attempt", ge=1)
    token: str = Field(alias="konstruct-turn-token")
    step: int = Field(default=0, alias="konstruct-step", ge=0, le=999)
    traceparent: str = Field(default="", max_length=55)
    authorization: str = ""


class DirectChat:
    """Serves `POST /v1/chat/completions`; passes everything else on to the app."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        mine = scope["type"] == "http" and scope["path"] == _PATH and scope["method"] == "POST"
        if not mine:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        request = Request(scope, receive)
        try:
            response = await _chat(request)
        except CallRefused as refusal:
            response = await routes.refused(request, refusal)
        except RequestValidationError as error:
            response = await routes.malformed(request, error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)


async def _chat(request: Request) -> Response:
    problems: list[dict[str, object]] = []
    headers = body = None
    try:
        headers = _Headers.model_validate(dict(request.headers))
    except ValidationError as error:
        problems += [{**one, "loc": ("header", *one["loc"])} for one in error.errors()]
    try:
        body = ChatCompletionRequest.model_validate_json(await request.body())
    except ValidationError as error:
        problems += [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
    if headers is None or body is None:
        raise RequestValidationError(problems)
    turn = routes.TurnHeaders(
        konstruct_turn=headers.turn,
        konstruct_attempt=headers.attempt,
        konstruct_turn_token=headers.token,
        konstruct_step=headers.step,
        traceparent=headers.traceparent,
    )
    return await routes.chat_completions(request, body, turn, headers.authorization)
