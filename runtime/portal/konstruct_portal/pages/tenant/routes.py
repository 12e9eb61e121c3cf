"""One tenant: its agents, connections, conditions and month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal import formats
from konstruct_portal.chart import month_chart
from konstruct_portal.directory import (
    Shown,
    ShownTenant,
    agents_of,
    connections_of,
    find_tenant,
    usage_of,
)
from konstruct_portal.page import Page, Viewed
from konstruct_portal.standing import BAD, BUSY, QUIET, Condition

router = APIRouter()

_WEIGHTY = ("Authenticated", "Receiving", "ChecksPassed")


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
        "unwell": _unwell(page, tenant, connections),
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


@dataclass(frozen=True)
class _Unwell:
    """A connection of which its vendor or the gateway says no, in the condition's own words."""

    name: str
    address: str
    condition: Condition


def _unwell(page: Page, tenant: ShownTenant, connections: Sequence[Shown]) -> list[_Unwell]:
    """Return the connections that somebody must look at, each with what weighs most."""
    found = []
    for one in connections:
        failing = {
            condition.type: condition for condition in one.conditions if condition.status == "False"
        }
        wrong = next((failing[kind] for kind in _WEIGHTY if kind in failing), None)
        if wrong is not None:
            names = {"tenant_name": tenant.name, "connection_name": one.name}
            found.append(_Unwell(one.name, page.address("connection", **names), wrong))
    return found


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
