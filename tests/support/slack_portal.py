"""A portal whose platform has a Slack app of its own, and that app's far end."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from support.far_slack_oauth import FarSlackOauth, FarWorkspace, far_slack_oauth
from support.portal_site import Site, open_site, token_of

START, CALLBACK = "/oauth/slack/start", "/oauth/slack/callback"


@dataclass
class Installing:
    """A portal, Slack, and the steps of a person between both."""

    site: Site
    far: FarSlackOauth

    async def begin(self, visitor: httpx.AsyncClient, **fields: str) -> dict[str, str]:
        """Fill in the portal's page and go on to Slack; return what Slack is asked."""
        asked = {"tenant": "acme", "agent": "ana", **fields}
        page = await visitor.get(START, params={"tenant": asked["tenant"]})
        assert page.status_code == 200, page.text
        answer = await visitor.post(START, data={"form_token": token_of(page), **asked})
        assert answer.status_code == 303, answer.text
        address = answer.headers["location"]
        assert address.startswith(self.far.url.replace("/api/", "/oauth/v2/authorize?"))
        return {name: one[0] for name, one in parse_qs(urlsplit(address).query).items()}

    async def allow(
        self,
        visitor: httpx.AsyncClient,
        asked: dict[str, str],
        workspace: FarWorkspace | None = None,
    ) -> httpx.Response:
        """Allow the app at Slack and come back."""
        return await visitor.get(_path(self.far.approval(asked, workspace)))

    async def deny(self, visitor: httpx.AsyncClient, asked: dict[str, str]) -> httpx.Response:
        """Press Cancel at Slack and come back."""
        return await visitor.get(_path(self.far.denial(asked)))

    async def install(
        self, visitor: httpx.AsyncClient, workspace: FarWorkspace | None = None, **fields: str
    ) -> httpx.Response:
        """Do all of it."""
        return await self.allow(visitor, await self.begin(visitor, **fields), workspace)

    def connection(self, name: str, namespace: str = "tenant-acme") -> dict[str, Any]:
        """The spec of a declared connection."""
        return self.site.resources.items["ChannelConnection", namespace, name].spec

    def secret_of(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The Secret that a connection names."""
        name = spec["credentialsSecretRef"]["name"]
        return self.site.resources.secrets["tenant-acme", name]


def _path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


@asynccontextmanager
async def open_installing(far: FarSlackOauth | None = None) -> AsyncIterator[Installing]:
    """A portal over ports in memory, with Slack at the other end of a socket."""
    async with (
        far_slack_oauth(far) as slack,
        open_site(
            slack_client_id=slack.client_id,
            slack_client_secret=slack.client_secret,
            slack_app_id=slack.app_id,
            slack_api_url=slack.url,
        ) as site,
    ):
        yield Installing(site, slack)
