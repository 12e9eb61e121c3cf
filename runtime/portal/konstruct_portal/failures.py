"""Error pages: every failure ends in a page (or JSON, for scripts) that says what to do next."""

import traceback
from urllib.parse import quote
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from konstruct_portal import cookies as cookie_jar
from konstruct_portal.errors import (
    Busy,
    Forged,
    LogInNeeded,
    NotAllowed,
    NotHere,
    ResourceConflict,
    ResourceNotFound,
    ResourceReadOnly,
    ResourcesUnavailable,
)
from konstruct_portal.language import Translate, language_of, theme_of
from konstruct_portal.page import Page, open_page
from konstruct_portal.services import Services
from konstruct_store.errors import RetryLater

_log = structlog.get_logger("portal")

_STATUS_OF: dict[type[Exception], int] = {
    Forged: 403,
    NotAllowed: 403,
    NotHere: 404,
    ResourceNotFound: 404,
    ResourceConflict: 409,
    ResourceReadOnly: 403,
    Busy: 503,
    ResourcesUnavailable: 503,
    RetryLater: 503,
}


def register_failures(app: FastAPI) -> None:
    """Give every kind of failure its page."""
    app.add_exception_handler(LogInNeeded, _ask_to_log_in)
    for kind in _STATUS_OF:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(Exception, _unexpected)


async def _ask_to_log_in(request: Request, _error: Exception) -> Response:
    login = str(request.app.url_path_for("login"))
    if _for_script(request):
        return JSONResponse({"error": {"code": "LogInNeeded"}}, status_code=401)
    if request.method == "GET":
        after = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        login = f"{login}?after={quote(after, safe='/')}" if after != "/" else login
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Redirect": login})
    answer = RedirectResponse(login, status_code=303)
    services: Services = request.app.state.services
    services.cookies.drop(answer, "session")
    return answer


async def _known(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUS_OF.items() if isinstance(error, kind))
    return await show_failure(request, status, forged=isinstance(error, Forged))


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return await show_failure(request, status)


async def _unreadable(request: Request, _error: Exception) -> Response:
    return await show_failure(request, 404)


async def _unexpected(request: Request, error: Exception) -> Response:
    incident = uuid4().hex[:8]
    # As plain text: some renderers of tracebacks print local variables, which may be secrets.
    trace = "".join(traceback.format_exception(error))
    _log.error("portal.failed", incident=incident, path=request.url.path, traceback=trace)
    return await show_failure(request, 500, incident=incident)


async def show_failure(
    request: Request, status: int, *, incident: str = "", forged: bool = False
) -> Response:
    """Return the page of a failure in the viewer's language."""
    if _for_script(request):
        return JSONResponse({"error": {"code": str(status)}}, status_code=status)
    page = await _page_without_database(request)
    title, text = _words(status, page.translate, forged=forged)
    answer = page.render(
        "layout/failure.html",
        status=status,
        code=status,
        title=title,
        text=text,
        incident=incident,
        crumbs=[(title, "")],
    )
    if status == 503:  # noqa: PLR2004 - the only one that passes by itself
        answer.headers["Retry-After"] = "5"
    return answer


async def _page_without_database(request: Request) -> Page:
    """Return the page's viewer, or nobody where even that cannot be found out now."""
    try:
        return await open_page(request)
    except Exception:  # noqa: BLE001 - an error page must not fail for the reason it reports
        services: Services = request.app.state.services
        jar = services.cookies
        return Page(
            request=request,
            services=services,
            language=language_of(request, cookie=jar.name("language"), preferred=""),
            theme=theme_of(request, cookie=jar.name("theme"), preferred=""),
            signed_in=None,
            token="",
            visit=request.cookies.get(jar.name("visit"), "") or cookie_jar.new_token(),
        )


def _for_script(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _words(status: int, _: Translate, *, forged: bool) -> tuple[str, str]:
    if forged:
        return (
            _("This form has expired"),
            _("Nothing was changed. Go back, load the page again and repeat what you did."),
        )
    known = {
        403: (
            _("You may not do this"),
            _("Your role lets you look here, but not change it. Ask an administrator."),
        ),
        404: (
            _("There is nothing here"),
            _("The address is wrong, it was removed, or it belongs to somebody else."),
        ),
        405: (
            _("There is nothing here"),
            _("The address is wrong, it was removed, or it belongs to somebody else."),
        ),
        409: (
            _("Somebody else changed this"),
            _("It changed while you were looking at it. Load it again to see what it is now."),
        ),
        503: (
            _("We cannot reach our data right now"),
            _("Nothing is lost. This page works again as soon as the connection is back."),
        ),
    }
    return known.get(
        status,
        (
            _("Something went wrong on our side"),
            _("Nothing you did was wrong. Try again; if it stays, tell us the code below."),
        ),
    )
