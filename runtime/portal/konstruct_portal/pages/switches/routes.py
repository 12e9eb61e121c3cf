"""The small switches of every page: language and theme of this browser."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_messages.translations import LANGUAGES
from konstruct_portal.language import THEMES
from konstruct_portal.page import Page, Viewed, text_of

router = APIRouter()


@router.post("/language", name="language")
async def switch_language(page: Viewed) -> Response:
    """Speak another language from now on."""
    chosen = text_of(await page.form(), "language")
    answer = page.go_to(_back(page))
    page.services.cookies.put_preference(answer, "language", chosen if chosen in LANGUAGES else "")
    await _keep(page, language=chosen if chosen in LANGUAGES else "")
    return answer


@router.post("/theme", name="theme")
async def switch_theme(page: Viewed) -> Response:
    """Use the light or the dark theme from now on; anything else follows the system."""
    chosen = text_of(await page.form(), "theme")
    answer = page.go_to(_back(page))
    page.services.cookies.put_preference(answer, "theme", chosen if chosen in THEMES else "")
    await _keep(page, theme=chosen if chosen in THEMES else "")
    return answer


async def _keep(page: Page, *, language: str | None = None, theme: str | None = None) -> None:
    if page.signed_in is None:
        return
    user = page.user
    await page.services.records.set_preferences(
        user.user_id,
        language=user.language if language is None else language,
        theme=user.theme if theme is None else theme,
    )


def _back(page: Page) -> str:
    """Return the path of the page the switch was on, without any host."""
    parts = urlsplit(page.request.headers.get("referer", ""))
    path = parts.path if parts.path.startswith("/") and not parts.path.startswith("//") else "/"
    return f"{path}?{parts.query}" if parts.query else path
