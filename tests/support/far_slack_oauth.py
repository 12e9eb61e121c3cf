"""The far end of installing a Slack app: Slack's consent page and `oauth.v2.access`.

It keeps Slack's rules: a code is taken once, within ten minutes, from the app that it was given to
and with the very redirect URI that was asked with; the client's secret comes by basic
authentication or in the form. https://docs.slack.dev/reference/methods/oauth.v2.access
"""

import base64
import binascii
import html
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from support.far_slack import FarSlack, Workspace
from support.serving import served

CODE_SECONDS = 600


@dataclass
class FarWorkspace:
    """Where the app may be installed; `enterprise` and `org_wide` for a whole organisation."""

    team: str = "T0ACME"
    name: str = "Acme HQ"
    enterprise: str = ""
    org_wide: bool = False


@dataclass
class _Code:
    workspace: FarWorkspace
    redirect_uri: str
    scope: str
    at: float
    used: bool = False


@dataclass
class FarSlackOauth:
    """Slack's side. `refuse` is answered to the next exchange in the place of a token."""

    client_id: str = "1111.2222"
    client_secret: str = "far-client-secret"
    app_id: str = "A0SHARED"
    #: What the app's settings allow to be redirected to; an address must begin with one.
    redirect_uris: tuple[str, ...] = ("http://",)
    workspaces: list[FarWorkspace] = field(default_factory=lambda: [FarWorkspace()])
    token_rotation: bool = False
    refuse: str = ""
    clock: Callable[[], float] = time.monotonic
    #: Tokens by workspace, in the order they were given.
    given: list[tuple[str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    #: The rest of Slack, in which installations become workspaces and old tokens stay good.
    slack: FarSlack | None = None
    _codes: dict[str, _Code] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def consent(self, request: web.Request) -> web.StreamResponse:
        """Show what a person sees: one button per workspace, and one to say no."""
        asked = dict(request.query)
        self.asked.append(asked)
        if asked.get("client_id") != self.client_id:
            return web.Response(status=400, text="Invalid client_id parameter")
        if not asked.get("redirect_uri", "").startswith(self.redirect_uris):
            return web.Response(status=400, text="redirect_uri did not match any configured URIs")
        links = [("Cancel", self.denial(asked))]
        links += [(f"Allow in {one.name}", self.approval(asked, one)) for one in self.workspaces]
        page = "".join(f'<p><a href="{html.escape(to)}">{say}</a></p>' for say, to in links)
        return web.Response(
            text=f"<!doctype html><title>Slack</title>{page}", content_type="text/html"
        )

    def approval(self, asked: dict[str, str], workspace: FarWorkspace | None = None) -> str:
        """Return where Slack sends a person who allowed the app in a workspace."""
        code = f"code-{next(self._numbers)}"
        self._codes[code] = _Code(
            workspace or self.workspaces[0], asked["redirect_uri"], asked["scope"], self.clock()
        )
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    @staticmethod
    def denial(asked: dict[str, str]) -> str:
        """Return where Slack sends a person who did not allow the app."""
        said = {"error": "access_denied", "state": asked["state"]}
        return f"{asked['redirect_uri']}?{urlencode(said)}"

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        """Answer `oauth.v2.access`."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        client, secret = _client(request, form)
        return web.json_response(self._exchanged(client, secret, form))

    def _exchanged(self, client: str, secret: str, form: dict[str, str]) -> dict[str, Any]:
        code = self._codes.get(form.get("code", ""))
        refusal, self.refuse = self.refuse, ""
        old = code is not None and self.clock() - code.at > CODE_SECONDS
        refusals = (
            ("invalid_client_id", client != self.client_id),
            ("bad_client_secret", secret != self.client_secret),
            (refusal, bool(refusal)),
            ("invalid_code", code is None or old),
            ("code_already_used", code is not None and code.used),
            ("bad_redirect_uri", code is None or form.get("redirect_uri") != code.redirect_uri),
        )
        said = next((name for name, holds in refusals if holds), "")
        if said or code is None:
            return {"ok": False, "error": said}
        code.used = True
        return self._installation(code)

    def _installation(self, code: _Code) -> dict[str, Any]:
        place = code.workspace
        token = f"xoxb-{place.team or place.enterprise}-{len(self.given) + 1}"
        self.given.append((place.team or place.enterprise, token))
        if self.slack is not None:
            made = Workspace(team=place.team, token=token, app=self.app_id, scopes=code.scope)
            self.slack.workspaces.append(made)
            self.slack.people.apps[token] = self.app_id
        answer: dict[str, Any] = {
            "ok": True,
            "app_id": self.app_id,
            "authed_user": {"id": "U0ADMIN"},
            "scope": code.scope,
            "token_type": "bot",
            "access_token": token,
            "bot_user_id": "U0BOT",
            "team": None if place.org_wide else {"id": place.team, "name": place.name},
            "enterprise": {"id": place.enterprise, "name": place.name}
            if place.enterprise
            else None,
            "is_enterprise_install": place.org_wide,
        }
        if self.token_rotation:
            answer |= {"refresh_token": "xoxe-1-x", "expires_in": 43_200}
        return answer


def _client(request: web.Request, form: dict[str, str]) -> tuple[str, str]:
    """Return the client's id and secret, from basic authentication or else the form."""
    kind, _, packed = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(packed).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client, secret
    return form.get("client_id", ""), form.get("client_secret", "")


@asynccontextmanager
async def far_slack_oauth(far: FarSlackOauth | None = None) -> AsyncIterator[FarSlackOauth]:
    """Serve Slack's side of an installation; `url` is the setting KONSTRUCT_SLACK_API_URL."""
    far = far or FarSlackOauth()
    app = web.Application()
    app.router.add_get("/oauth/v2/authorize", far.consent)
    app.router.add_post("/api/oauth.v2.access", far.exchange)
    if far.slack is not None:
        app.router.add_route("*", "/api/{method}", far.slack.handle)
    async with served(app) as base:
        far.url = f"{base}/api/"
        yield far
