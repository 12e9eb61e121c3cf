"""Errors as answers: `{"error": {"code", "message"}}`, the same shape on every route."""

from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response

from konstruct_gateway.errors import GatewayError
from konstruct_store.errors import Refused, RetryLater, StoreError, TurnLost

_LONGEST_MESSAGE = 2000


def error(
    status: int, code: str, message: str, *, retry_after_seconds: int | None = None
) -> JSONResponse:
    """Return an error as an answer."""
    headers = {"Cache-Control": "no-store"}
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(retry_after_seconds)
    body = {"error": {"code": code, "message": message[:_LONGEST_MESSAGE]}}
    return JSONResponse(body, status_code=status, headers=headers)


def of_exception(raised: Exception) -> JSONResponse | None:
    """Return how a known exception is answered; None for one that is a bug."""
    match raised:
        case GatewayError():
            return error(
                raised.status,
                raised.code,
                str(raised),
                retry_after_seconds=raised.retry_after_seconds,
            )
        case RetryLater():
            return error(
                503,
                "RetryLater",
                "The store cannot be reached; nothing was taken.",
                retry_after_seconds=1,
            )
        case TurnLost() | Refused():
            return error(409, type(raised).__name__, str(raised))
        case _:
            return _of_request(raised)


def _of_request(raised: Exception) -> JSONResponse | None:
    """Return how an exception of the framework's is answered; None for any other."""
    match raised:
        case RequestValidationError():
            return error(422, "invalid", _problems(raised))
        case ClientDisconnect():
            # Nobody hears this; it only must not count as a bug of ours.
            return error(400, "broken_off", "The request ended before its body did.")
        case HTTPException():
            return error(raised.status_code, _code(raised.status_code), str(raised.detail))
        case _:
            return None


async def answer(_connection: HTTPConnection, raised: Exception) -> Response:
    """Return how an exception is answered; one that is a bug is logged."""
    known = of_exception(raised)
    if known is not None:
        return known
    structlog.get_logger(__name__).error("route failed", exc_info=raised)
    return error(500, "internal", "Something went wrong here; it has been logged.")


def handlers() -> dict[Any, Any]:
    """Return the exception handlers of an app: every error in the one shape."""
    kinds = (GatewayError, StoreError, RequestValidationError, HTTPException, Exception)
    return dict.fromkeys(kinds, answer)


def _problems(raised: RequestValidationError) -> str:
    """Say where and what, without repeating what was sent."""
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in raised.errors()
    )


def _code(status: int) -> str:
    names = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
    return names.get(status, "too_large" if status == 413 else "invalid")  # noqa: PLR2004 - HTTP
