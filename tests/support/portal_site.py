"""The portal over ports in memory, and a person's browser in front of it, without any socket."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

import httpx

from konstruct_messages.translations import load_catalogues
from konstruct_portal.app import Portal, make_portal
from konstruct_portal.records import Role, User
from konstruct_portal.settings import PortalSettings
from konstruct_portal.templates import Templates
from support.portal_fakes import (
    MemoryRecords,
    MemoryResources,
    sample_records,
    sample_resources,
)

PASSWORD = "a long and quiet river"
KEY = base64.b64encode(b"k" * 32).decode()
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


@dataclass
class Site:
    """A portal under test."""

    portal: Portal
    records: MemoryRecords
    resources: MemoryResources
    origin: str
    visitors: list[httpx.AsyncClient] = field(default_factory=list)

    async def user(
        self, email: str, role: Role = Role.ADMIN, *tenants: UUID, password: str = PASSWORD
    ) -> User:
        return await self.records.create_user(
            email,
            await self.portal.services.passwords.make(password),
            role=role,
            tenants=frozenset(tenants),
        )

    def visitor(self, **headers: str) -> httpx.AsyncClient:
        """A browser with its own cookies."""
        transport = httpx.ASGITransport(app=self.portal.app, raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=transport, base_url=self.origin, headers=headers)
        self.visitors.append(made)
        return made

    async def signed_in(
        self, role: Role = Role.ADMIN, *tenants: UUID, language: str = "en"
    ) -> httpx.AsyncClient:
        """A browser in which somebody of this role has just logged in."""
        email = f"{role.value}-{len(self.records.users)}@example.com"
        await self.user(email, role, *tenants)
        visitor = self.visitor(**{"Accept-Language": language})
        answer = await log_in(visitor, email)
        assert answer.status_code == 303, answer.text
        return visitor


@cache
def compiled_templates() -> Templates:
    """One compilation for the whole run."""
    return Templates(load_catalogues("konstruct_portal"))


@asynccontextmanager
async def open_site(origin: str = "http://127.0.0.1:8003", **settings: Any) -> AsyncIterator[Site]:
    """A portal with two tenants to show."""
    records, resources = sample_records(), sample_resources()
    made = PortalSettings(
        database_url="unused",
        public_url=origin,
        chat_key=KEY,
        **settings,
    )
    portal = make_portal(made, resources=resources, records=records, templates=compiled_templates())
    site = Site(portal, records, resources, origin)
    try:
        yield site
    finally:
        for visitor in site.visitors:
            await visitor.aclose()
        portal.services.passwords.close()


def token_of(answer: httpx.Response) -> str:
    """The anti-forgery token of a page's forms."""
    found = _TOKEN.search(answer.text)
    assert found, "the page has no form"
    return found[1]


async def log_in(
    visitor: httpx.AsyncClient, email: str, password: str = PASSWORD, after: str = ""
) -> httpx.Response:
    token = token_of(await visitor.get("/login"))
    return await visitor.post(
        "/login",
        data={"form_token": token, "email": email, "password": password, "after": after},
    )


async def submit(
    visitor: httpx.AsyncClient, page: str, address: str | None = None, **fields: str
) -> httpx.Response:
    """Load a page and send a form of it."""
    token = token_of(await visitor.get(page))
    return await visitor.post(address or page, data={"form_token": token, **fields})
