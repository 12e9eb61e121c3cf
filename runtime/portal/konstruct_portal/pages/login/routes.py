"""Log-in and log-out."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal import cookies as cookie_jar
from konstruct_portal.accounts import Limits, check_login
from konstruct_portal.errors import Busy, TooManyAttempts
from konstruct_portal.page import Page, Viewed, client_address, text_of

router = APIRouter()

_TEMPLATE = "pages/login/page.html"


@router.get("/login", name="login")
async def show_login(page: Viewed, after: str = "") -> Response:
    """Show the form, or go on when somebody is logged in already."""
    if page.signed_in is not None:
        return page.go_to(_safe_path(page, after))
    return page.render(_TEMPLATE, after=after, email="", problem="")


@router.post("/login", name="login.submit")
async def log_in(page: Viewed) -> Response:
    """Check an address and a password; open a new session whatever cookies came along."""
    form = await page.form()
    email, after = text_of(form, "email")[:254], text_of(form, "after")
    _ = page.translate
    settings = page.services.settings
    try:
        user = await check_login(
            page.services.records,
            page.services.passwords,
            email=email,
            password=text_of(form, "password"),
            address=client_address(page.request),
            limits=Limits(
                per_account=settings.login_attempts_per_account,
                per_address=settings.login_attempts_per_address,
            ),
        )
    except TooManyAttempts as error:
        problem = _("Too many attempts. Wait a quarter of an hour and try again.")
        answer = page.render(_TEMPLATE, status=429, after=after, email=email, problem=problem)
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    except Busy:
        problem = _("Many people are logging in right now. Try again in a few seconds.")
        answer = page.render(_TEMPLATE, status=503, after=after, email=email, problem=problem)
        answer.headers["Retry-After"] = "5"
        return answer
    if user is None:
        problem = _("The e-mail address or the password is wrong.")
        return page.render(_TEMPLATE, status=401, after=after, email=email, problem=problem)
    if page.signed_in is not None:
        await page.services.records.close_session(
            page.signed_in.user.user_id, page.signed_in.session_id
        )
    token = cookie_jar.new_token()
    await page.services.records.open_session(
        user.user_id,
        cookie_jar.digest(token),
        user_agent=page.request.headers.get("user-agent", "")[:256],
        address=client_address(page.request),
    )
    inside = page.go_to(_safe_path(page, after))
    page.services.cookies.put_session(inside, token)
    page.services.cookies.drop(inside, "visit")
    return inside


@router.post("/logout", name="logout")
async def log_out(page: Viewed) -> Response:
    """End this session in the store, not only in the browser."""
    if page.signed_in is not None:
        await page.services.records.close_session(page.user.user_id, page.signed_in.session_id)
    answer = page.go("login", toast="logged-out")
    page.services.cookies.drop(answer, "session")
    return answer


def _safe_path(page: Page, after: str) -> str:
    """Return `after` if it is a path of ours, else the start page: no open redirect."""
    parts = urlsplit(after)
    if (
        after.startswith("/")
        and not after.startswith(("//", "/\\"))
        and not parts.scheme
        and not parts.netloc
        and "\\" not in after
        and after.isprintable()
    ):
        return after
    return page.address("tenants")
