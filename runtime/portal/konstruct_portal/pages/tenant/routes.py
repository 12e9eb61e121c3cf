"""One tenant: its agents, connections, conditions and month."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal import formats
from konstruct_portal.chart import month_chart
from konstruct_portal.directory import agents_of, connections_of, find_tenant, usage_of
from konstruct_portal.page import Viewed

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
