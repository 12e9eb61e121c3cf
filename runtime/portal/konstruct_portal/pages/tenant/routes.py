"""One tenant: its agents, connections, conditions and month."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal import formats
from konstruct_portal.chart import month_chart
from konstruct_portal.directory import (
    ShownTenant,
    agents_of,
    connections_of,
    find_tenant,
    usage_of,
)
from konstruct_portal.page import Page, Viewed
from konstruct_portal.standing import BAD, BUSY, QUIET

router = APIRouter()


@router.get("/tenants/{tenant_name}", name="tenant")
async def show_tenant(page: Viewed, tenant_name: str) -> Response:
    """Show the overview, or only its standing when htmx asks."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    agents = await agents_of(page, tenant)
    connections = await connections_of(page, tenant)
    usage = await usage_of(page, tenant)
    today = datetime.now(formats.zone(tenant.time_zone)).date()
    by_day = {day: one.micro_usd for day, one in usage.by_day.items()}
    context: dict[str, Any] = {
        "tenant": tenant,
        "attention_rows": await _attention(page, tenant),
        "agents": agents,
        "connections": connections,
        "usage": usage,
        "month": formats.month(today, page.language),
        "chart": month_chart(by_day, month=today.replace(day=1), today=today),
        "editable": page.services.resources.editable and page.may_edit(tenant.tenant_id),
        "section": "overview",
        "crumbs": [(_("Tenants"), page.address("tenants")), (tenant.display_name, "")],
    }
    template = "pages/tenant/_state.html" if page.partial else "pages/tenant/page.html"
    return page.render(template, **context)


@dataclass(frozen=True)
class _Counted:
    """One line of what needs a person."""

    words: str
    count: int
    address: str
    tone: str


async def _attention(page: Page, tenant: ShownTenant) -> list[_Counted]:
    """Return what of a tenant needs a person; nothing where nothing does."""
    if tenant.tenant_id is None:
        return []
    _ = page.translate
    found = await page.services.records.attention(tenant.tenant_id)
    conversations = page.address("conversations", tenant_name=tenant.name)
    undelivered = page.address("undelivered", tenant_name=tenant.name)
    rows = [
        _Counted(_("Not answered"), found.dead, undelivered, BAD),
        _Counted(_("Not delivered"), found.refused, undelivered, BAD),
        _Counted(_("Unknown whether delivered"), found.unknown, undelivered, BAD),
        _Counted(_("Waiting for a human"), found.with_human, f"{conversations}?waiting=yes", BUSY),
        _Counted(_("Expired while suspended, in seven days"), found.expired, "", QUIET),
    ]
    return [one for one in rows if one.count]
