"""One's own account: password, language, theme, and where one is logged in."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_messages.translations import LANGUAGES
from konstruct_portal import cookies as cookie_jar
from konstruct_portal.accounts import WINDOW_SECONDS
from konstruct_portal.errors import Busy, LogInNeeded, NotHere
from konstruct_portal.language import THEMES, Translate
from konstruct_portal.page import Page, Viewed, client_address, text_of
from konstruct_portal.passwords import LONGEST, SHORTEST

router = APIRouter()

_GUESSES = 10


@router.get("/profile", name="profile")
async def show_profile(page: Viewed) -> Response:
    """Show the account."""
    return await _render(page)


@router.post("/profile/password", name="profile.password")
async def change_password(page: Viewed) -> Response:
    """Set a new password, if the present one is known; end every session but a new one."""
    form = await page.form()
    present, chosen = text_of(form, "present"), text_of(form, "chosen")
    _, user = page.translate, page.user
    records, passwords = page.services.records, page.services.passwords
    problems = _weaknesses(chosen, text_of(form, "repeated"), user.email, _)
    if problems:
        return await _render(page, problems=problems, status=422)
    guesses = await records.count_attempt(f"change/{user.user_id}", window_seconds=WINDOW_SECONDS)
    if guesses > _GUESSES:
        problem = _("Too many attempts. Wait a quarter of an hour and try again.")
        return await _render(page, problems={"present": problem}, status=429)
    try:
        if not await passwords.matches(present[:LONGEST], user.password_hash):
            problem = _("This is not your present password.")
            return await _render(page, problems={"present": problem}, status=422)
        await records.set_password(user.user_id, await passwords.make(chosen))
    except Busy:
        problem = _("Many people are logging in right now. Try again in a few seconds.")
        return await _render(page, problems={"present": problem}, status=503)
    token = cookie_jar.new_token()
    await records.open_session(
        user.user_id,
        cookie_jar.digest(token),
        user_agent=page.request.headers.get("user-agent", "")[:256],
        address=client_address(page.request),
    )
    answer = page.go("profile", toast="password-changed")
    page.services.cookies.put_session(answer, token)
    return answer


@router.post("/profile/preferences", name="profile.preferences")
async def save_preferences(page: Viewed) -> Response:
    """Keep language and theme with the account, on every device."""
    form = await page.form()
    language, theme = text_of(form, "language"), text_of(form, "theme")
    language = language if language in LANGUAGES else ""
    theme = theme if theme in THEMES else ""
    await page.services.records.set_preferences(page.user.user_id, language=language, theme=theme)
    answer = page.go("profile", toast="preferences-saved")
    page.services.cookies.put_preference(answer, "language", language)
    page.services.cookies.put_preference(answer, "theme", theme)
    return answer


@router.post("/profile/sessions/close-others", name="profile.sessions.close")
async def close_others(page: Viewed) -> Response:
    """Log out everywhere but here."""
    if page.signed_in is None:
        raise LogInNeeded("Log in first.")
    await page.services.records.close_sessions(page.user.user_id, but=page.signed_in.session_id)
    return page.go("profile", toast="sessions-closed")


@router.post("/profile/sessions/{session_id}/close", name="profile.session.close")
async def close_one(page: Viewed, session_id: str) -> Response:
    """Log out one other session; somebody else's is left alone."""
    try:
        wanted = UUID(session_id)
    except ValueError as error:
        raise NotHere(session_id) from error
    await page.services.records.close_session(page.user.user_id, wanted)
    return page.go("profile", toast="session-closed")


def _weaknesses(chosen: str, repeated: str, email: str, _: Translate) -> dict[str, str]:
    if not SHORTEST <= len(chosen) <= LONGEST:
        return {"chosen": _("Use 12 to 128 characters. A short sentence is fine.")}
    if email.partition("@")[0] in chosen.lower() or len(set(chosen)) < SHORTEST // 2:
        return {"chosen": _("This one is easy to guess. Choose another.")}
    if chosen != repeated:
        return {"repeated": _("The two passwords differ.")}
    return {}


async def _render(
    page: Page, *, problems: dict[str, str] | None = None, status: int = 200
) -> Response:
    _ = page.translate
    return page.render(
        "pages/profile/page.html",
        status=status,
        problems=problems or {},
        sessions=await page.services.records.sessions(page.user.user_id),
        here=page.signed_in.session_id if page.signed_in else None,
        section="profile",
        crumbs=[(_("Profile"), "")],
    )
