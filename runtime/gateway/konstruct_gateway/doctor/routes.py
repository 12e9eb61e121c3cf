"""Asking the doctor: the operator's people at the internal port, the portal's pages at the public.

At the internal port it is for whoever has the registry's credential, such as `konstruct doctor`. A
page of the portal brings a desk ticket, as every act of a tenant's people does.
"""

import asyncio
from typing import Annotated, Any, Literal

import pydantic_core
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from konstruct_gateway.chat.desk import desk_caller
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.doctor.doctor import Doctor
from konstruct_gateway.doctor.words import DoctorWords, SaidConnection
from konstruct_gateway.errors import BadRequest, NotFound
from konstruct_gateway.hooks.place import Route

_AT_A_TIME = 8
_NO_STORE = {"Cache-Control": "no-store"}
_Text = Annotated[str, Field(max_length=8192)]


class Asked(BaseModel):
    """Which connections to examine: one, a tenant's, or all; named ones are looked at anew."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant: Annotated[str, Field(max_length=63)] = ""
    connection: Annotated[str, Field(max_length=63)] = ""
    language: Annotated[str, Field(max_length=35)] = ""


class Answered(BaseModel):
    """What was found about each connection."""

    connections: tuple[SaidConnection, ...]


def routes(doctor: Doctor, words: DoctorWords) -> APIRouter:
    """Return the internal API of the doctor."""
    router = APIRouter(prefix="/internal/doctor", tags=["doctor"])

    @router.post("/examine")
    async def examine(asked: Asked) -> Answered:
        """Examine connections; more than one at a time may be a minute old."""
        if asked.connection:
            route = _found(doctor, asked.tenant, asked.connection)
            examined = [await doctor.examine(route)]
        else:
            waiting = asyncio.Semaphore(_AT_A_TIME)

            async def latest(route: Route) -> Any:
                async with waiting:
                    return await doctor.latest(route)

            examined = await asyncio.gather(*(latest(one) for one in doctor.routes(asked.tenant)))
        return Answered(
            connections=tuple(words.connection(one, asked.language) for one in examined)
        )

    return router


class Trial(BaseModel):
    """A connection that somebody fills in, to be tried before it is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Annotated[str, Field(max_length=63)]
    config: Annotated[dict[Annotated[str, Field(max_length=128)], Any], Field(max_length=64)]
    credentials: Annotated[
        dict[Annotated[str, Field(max_length=128)], _Text], Field(max_length=32, repr=False)
    ]


class Wish(BaseModel):
    """What a page asks: what is known of a connection, to look anew, or to try what is entered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["show", "examine", "try"]
    connection: Annotated[str, Field(max_length=63)] = ""
    trial: Trial | None = None


class DoctorDesk:
    """The endpoint behind a connection's page and the forms about it."""

    def __init__(self, services: ChatServices, doctor: Doctor, words: DoctorWords) -> None:
        """Take what every chat works with, the doctor and its words."""
        self._services = services
        self._doctor = doctor
        self._words = words

    async def act(self, request: Request) -> Response:
        """Answer findings in the caller's language.

        Raises Unauthorised, Forbidden, TooFast, NotFound, BadRequest and RetryLater.
        """
        tenant, who = desk_caller(self._services, request)
        wish = _wish(await request.body())
        if wish.action == "try":
            return JSONResponse(await self._try(wish, who.language), headers=_NO_STORE)
        route = _found(self._doctor, tenant.name, wish.connection)
        look = self._doctor.examine if wish.action == "examine" else self._doctor.latest
        said = self._words.connection(await look(route), who.language)
        return JSONResponse(said.model_dump(mode="json", by_alias=True), headers=_NO_STORE)

    async def _try(self, wish: Wish, language: str) -> dict[str, Any]:
        spec = self._doctor.specs.get(wish.trial.type) if wish.trial is not None else None
        if wish.trial is None or spec is None:
            raise BadRequest("A trial has a type that this version serves.")
        try:
            spec.config.model_validate(wish.trial.config)
        except ValidationError:
            raise BadRequest("The channel cannot read this config.") from None
        found = await self._doctor.try_out(spec, wish.trial.config, wish.trial.credentials)
        findings = self._words.findings(*found, language)
        return {"findings": [one.model_dump(mode="json", by_alias=True) for one in findings]}


def _found(doctor: Doctor, tenant: str, connection: str) -> Route:
    route = doctor.route_of(tenant, connection)
    if route is None:
        raise NotFound("There is no such connection.")
    return route


def _wish(body: bytes) -> Wish:
    try:
        return Wish.model_validate(pydantic_core.from_json(body))
    except (ValueError, ValidationError):
        raise BadRequest("The body is a JSON object with action and connection.") from None
