"""Asking a running gateway's doctor, from a terminal."""

import httpx
from pydantic import ValidationError

from konstruct_gateway.doctor.words import SaidConnection
from konstruct_gateway.errors import GatewayError, NotFound, Unauthorised, Unavailable

_SECONDS = 120.0
_PATH = "/internal/doctor/examine"


async def ask(
    url: str, token: str, *, tenant: str = "", connection: str = "", language: str = ""
) -> list[SaidConnection]:
    """Return what the gateway with the internal address `url` finds out.

    One connection, a tenant's or all. Raises Unavailable when nobody answers there, Unauthorised
    for a token that is not the registry's, NotFound for what is not declared.
    """
    asked = {"tenant": tenant, "connection": connection, "language": language}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.post(url.rstrip("/") + _PATH, json=asked, headers=headers)
        if answer.status_code == httpx.codes.OK:
            found = answer.json()["connections"]
            return [SaidConnection.model_validate(one) for one in found]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"Nobody answers at {url} ({type(error).__name__}).") from error
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise Unavailable(f"What answers at {url} is no gateway.") from error
    refusals: dict[int, type[GatewayError]] = {401: Unauthorised, 403: Unauthorised, 404: NotFound}
    kind = refusals.get(answer.status_code, Unavailable)
    raise kind(f"{url} answers HTTP {answer.status_code}.")
