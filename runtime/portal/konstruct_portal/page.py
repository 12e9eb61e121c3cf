"""What every route gets: who asks, in which language, and how to answer.

`Page` is the one dependency of the whole app. It denies by default: a route answers without a
log-in only if its name stands in PUBLIC, and no POST is served without its anti-forgery token.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from konstruct_portal import cookies as cookie_jar
from konstruct_portal.errors import Forged, LogInNeeded, NotAllowed
from konstruct_portal.language import NAMES, Translate, language_of, theme_of
from konstruct_portal.records import Role, SignedIn, User
from konstruct_portal.services import Services
from konstruct_portal.toasts import toast_text

PUBLIC = frozenset({"login", "login.submit", "language", "theme"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_FIELD = 1_048_576


@dataclass(frozen=True)
class Page:
    """One request with its viewer. `visit` is the cookie that forms of the log-in are bound to."""

    request: Request
    services: Services
    language: str
    theme: str
    signed_in: SignedIn | None
    token: str
    visit: str

    @property
    def user(self) -> User:
        """Who is logged in. Raises LogInNeeded when nobody is."""
        if self.signed_in is None:
            raise LogInNeeded("Log in first.")
        return self.signed_in.user

    @property
    def translate(self) -> Translate:
        """The translation of sentences into this page's language."""
        return self.services.catalogues[self.language].gettext

    @property
    def form_token(self) -> str:
        """The anti-forgery token that this page's forms carry."""
        return self.services.cookies.form_token(self.token or self.visit)

    def may_see(self, tenant_id: UUID | None) -> bool:
        """Whether the viewer may see a tenant at all."""
        return self.user.role is Role.ADMIN or tenant_id in self.user.tenants

    def may_edit(self, tenant_id: UUID | None) -> bool:
        """Whether the viewer may change what a tenant declares."""
        return self.user.role is Role.ADMIN or (
            self.user.role is Role.ADMINISTRATOR and tenant_id in self.user.tenants
        )

    def insist_edit(self, tenant_id: UUID | None) -> None:
        """Raise NotAllowed unless the viewer may change the tenant."""
        if not self.may_edit(tenant_id):
            raise NotAllowed("Only administrators change agents.")

    async def form(self) -> FormData:
        """Return the request's form, read once."""
        return await self.request.form(max_files=0, max_fields=200, max_part_size=_LONGEST_FIELD)

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of the page only."""
        return self.request.headers.get("hx-request") == "true"

    def render(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Return a template as an answer, with what every page shows."""
        jar = self.services.cookies
        toast = self.request.cookies.get(jar.name("toast"), "") if not self.partial else ""
        shared = {
            "page": self,
            "path": self.request.url.path,
            "user": self.signed_in.user if self.signed_in else None,
            "theme": self.theme,
            "languages": NAMES,
            "channel_words": self.services.channels,
            "form_token": self.form_token,
            "url": self.address,
            "toast": toast_text(toast, self.translate),
            "tenant": None,
            "section": "",
            "crumbs": [],
        }
        text = self.services.templates.render(self.language, template, shared | context)
        answer = HTMLResponse(text, status_code=status, headers={"Content-Language": self.language})
        answer.headers["Vary"] = "Cookie, Accept-Language, HX-Request"
        if toast:
            jar.drop(answer, "toast")
        if not self.token and self.request.cookies.get(jar.name("visit")) != self.visit:
            jar.put(answer, "visit", self.visit)
        return answer

    def address(self, name: str, **parameters: Any) -> str:
        """Return the path of a named route."""
        return str(self.request.app.url_path_for(name, **parameters))

    def go(self, name: str, *, toast: str = "", **parameters: Any) -> RedirectResponse:
        """Answer a form with a redirect (303), leaving a word for the next page."""
        return self.go_to(self.address(name, **parameters), toast=toast)

    def go_to(self, path: str, *, toast: str = "") -> RedirectResponse:
        """Answer a form with a redirect to a path of our own."""
        answer = RedirectResponse(path, status_code=303)
        if toast:
            self.services.cookies.put(answer, "toast", toast, seconds=60)
        return answer


async def open_page(request: Request) -> Page:
    """Load the viewer of a request. Raises nothing: nobody is a viewer too."""
    kept = getattr(request.state, "page", None)
    if isinstance(kept, Page):
        return kept
    services: Services = request.app.state.services
    jar = services.cookies
    token = request.cookies.get(jar.name("session"), "")
    signed_in = await services.records.load_session(cookie_jar.digest(token)) if token else None
    user = signed_in.user if signed_in else None
    page = Page(
        request=request,
        services=services,
        language=language_of(
            request, cookie=jar.name("language"), preferred=user.language if user else ""
        ),
        theme=theme_of(request, cookie=jar.name("theme"), preferred=user.theme if user else ""),
        signed_in=signed_in,
        token=token if signed_in else "",
        visit=request.cookies.get(jar.name("visit"), "") or cookie_jar.new_token(),
    )
    request.state.page = page
    return page


async def guard(request: Request, page: Annotated[Page, Depends(open_page)]) -> None:
    """Refuse by default. Raises LogInNeeded and Forged; the app's every route depends on this."""
    name = getattr(request.scope.get("route"), "name", "")
    if name not in PUBLIC and page.signed_in is None:
        raise LogInNeeded("Log in first.")
    if request.method not in _SAFE:
        await _insist_genuine(request, page)


async def _insist_genuine(request: Request, page: Page) -> None:
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forged("The form comes from another site.")
    token = request.headers.get("konstruct-form-token", "")
    if not token:
        value = (await page.form()).get("form_token", "")
        token = value if isinstance(value, str) else ""
    bound_to = page.token or request.cookies.get(page.services.cookies.name("visit"), "")
    if not page.services.cookies.genuine(token, bound_to):
        raise Forged("The form's token is missing or of another session.")


Viewed = Annotated[Page, Depends(open_page)]
"""The type of a route's `page` parameter."""


def text_of(form: FormData, field: str) -> str:
    """Return a text field of a form; empty where it is missing or a file."""
    value = form.get(field, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def client_address(request: Request) -> str:
    """Return the address a request came from, as uvicorn worked it out behind trusted proxies."""
    return request.client.host if request.client else ""


def plain(answer: Response) -> Response:
    """Return an answer of a program (JSON, text) that no cache keeps."""
    answer.headers["Cache-Control"] = "no-store"
    return answer
