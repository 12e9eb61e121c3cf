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
_PER_PAGE = 50


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
async def show_tenants(page: Viewed, q: str = "", start: int = 0) -> Response:
    """Show a page of the list, or only its rows when htmx asks for them."""
    _ = page.translate
    tenants = _wanted(await visible_tenants(page), q.strip().casefold())
    start = min(max(start, 0), max(len(tenants) - 1, 0))
    rows = await _rows(page, tenants[start : start + _PER_PAGE])
    complete = len(rows) == len(tenants)
    context: dict[str, Any] = {
        "rows": rows,
        "q": q,
        "start": start,
        "before": max(start - _PER_PAGE, 0) if start else None,
        "after": start + _PER_PAGE if start + _PER_PAGE < len(tenants) else None,
        "total": len(tenants),
        "attention": sum(one.standing.tone == BAD for one in tenants),
        # Sums are of everything or not shown at all: usage is only read for the rows on the page.
        "spent": sum(row.usage.spent_micro_usd for row in rows) if complete else None,
        "answers": sum(row.usage.answers for row in rows) if complete else None,
        "section": "tenants",
        "crumbs": [(_("Tenants"), "")],
    }
    template = "pages/tenants/_rows.html" if page.partial else "pages/tenants/page.html"
    return page.render(template, **context)


def _wanted(tenants: list[ShownTenant], words: str) -> list[ShownTenant]:
    return [one for one in tenants if words in one.display_name.casefold() or words in one.name]


async def _rows(page: Page, tenants: list[ShownTenant]) -> list[Row]:
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

    return list(await asyncio.gather(*(row(one) for one in tenants)))


def _count(resources: list[Resource]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for one in resources:
        counted[one.namespace] = counted.get(one.namespace, 0) + 1
    return counted
