"""What a tenant used in a month: by day, by agent, by model."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal import formats
from konstruct_portal.chart import month_chart
from konstruct_portal.directory import ShownTenant, agents_of, find_tenant, names_by_id
from konstruct_portal.page import Page, Viewed
from konstruct_portal.records import MonthUsage, Spent

router = APIRouter()

_MONTH = re.compile(r"^(20\d\d)-(0[1-9]|1[0-2])$")


@dataclass(frozen=True)
class Share:
    """One line of a breakdown; `share` is its part of the whole, 0 to 1."""

    name: str
    emoji: str
    spent: Spent
    share: float


@router.get("/tenants/{tenant_name}/usage", name="usage")
async def show_usage(page: Viewed, tenant_name: str, month: str = "") -> Response:
    """Show a month; without one, the present month in the tenant's time zone."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    today = datetime.now(formats.zone(tenant.time_zone)).date()
    first = _first_day(month, today)
    usage = await _usage(page, tenant, first)
    by_day = {day: one.micro_usd for day, one in usage.by_day.items()}
    following = (first + timedelta(days=32)).replace(day=1)
    return page.render(
        "pages/usage/page.html",
        tenant=tenant,
        usage=usage,
        month=formats.month(first, page.language),
        previous=f"{(first - timedelta(days=1)):%Y-%m}",
        following=f"{following:%Y-%m}" if following <= today else "",
        chart=month_chart(by_day, month=first, today=today),
        agents=await _by_agent(page, tenant, usage),
        models=_shares({name: (name, "", one) for name, one in usage.by_model.items()}),
        section="usage",
        crumbs=[
            (_("Tenants"), page.address("tenants")),
            (tenant.display_name, page.address("tenant", tenant_name=tenant.name)),
            (_("Usage"), ""),
        ],
    )


async def _usage(page: Page, tenant: ShownTenant, first: date) -> MonthUsage:
    if tenant.tenant_id is None:
        return MonthUsage()
    return await page.services.records.month_usage(
        tenant.tenant_id, time_zone=tenant.time_zone, month=first
    )


async def _by_agent(page: Page, tenant: ShownTenant, usage: MonthUsage) -> list[Share]:
    _ = page.translate
    known = names_by_id(tenant, await agents_of(page, tenant))
    lines = {}
    for agent_id, spent in usage.by_agent.items():
        agent = known.get(agent_id)
        name = agent.display_name if agent else _("An agent that is no longer declared")
        lines[str(agent_id)] = (name, agent.emoji if agent else "", spent)
    return _shares(lines)


def _shares(lines: dict[str, tuple[str, str, Spent]]) -> list[Share]:
    whole = sum(spent.micro_usd for _name, _emoji, spent in lines.values())
    shares = [
        Share(name, emoji, spent, spent.micro_usd / whole if whole else 0.0)
        for name, emoji, spent in lines.values()
    ]
    return sorted(shares, key=lambda one: -one.spent.micro_usd)


def _first_day(month: str, today: date) -> date:
    found = _MONTH.match(month)
    present = today.replace(day=1)
    if found is None:
        return present
    return min(date(int(found[1]), int(found[2]), 1), present)
