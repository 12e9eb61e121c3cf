"""The start: every tenant the viewer may see, how it is doing and what it spends."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal.directory import ShownTenant, usage_of, visible_tenants
from konstruct_portal.page import Page, Viewed
from konstruct_portal.records import MonthUsage
from konstruct_portal.resources import Resource
from konstruct_portal.standing import BAD

router = APIRouter()

_AT_ONCE = 4


@dataclass(frozen=True)
class Row:
    """One tenant with its month."""

    tenant: ShownTenant
    usage: MonthUsage
    agents: int
    connections: int


@router.get("/", name="home")
async def go_home(page: Viewed) -> Response:
    """Send to the start."""
    return page.go("tenants")


@router.get("/tenants", name="tenants")
async def show_tenants(page: Viewed, q: str = "") -> Response:
    """Show the list, or only its rows when htmx asks for them."""
    _ = page.translate
    rows = await _rows(page, q.strip().casefold())
    context: dict[str, Any] = {
        "rows": rows,
        "q": q,
        "attention": sum(row.tenant.standing.tone == BAD for row in rows),
        "spent": sum(row.usage.spent_micro_usd for row in rows),
        "answers": sum(row.usage.answers for row in rows),
        "section": "tenants",
        "crumbs": [(_("Tenants"), "")],
    }
    template = "pages/tenants/_rows.html" if page.partial else "pages/tenants/page.html"
    return page.render(template, **context)


async def _rows(page: Page, wanted: str) -> list[Row]:
    places = asyncio.Semaphore(_AT_ONCE)
    agents = _count(await page.services.resources.list("Agent"))
    connections = _count(await page.services.resources.list("ChannelConnection"))

    async def row(tenant: ShownTenant) -> Row:
        async with places:
            usage = await usage_of(page, tenant)
        return Row(
            tenant=tenant,
            usage=usage,
            agents=agents.get(tenant.namespace, 0),
            connections=connections.get(tenant.namespace, 0),
        )

    tenants = [
        one
        for one in await visible_tenants(page)
        if wanted in one.display_name.casefold() or wanted in one.name
    ]
    return list(await asyncio.gather(*(row(one) for one in tenants)))


def _count(resources: list[Resource]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for one in resources:
        counted[one.namespace] = counted.get(one.namespace, 0) + 1
    return counted
