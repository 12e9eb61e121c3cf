"""What nobody answered and what did not arrive, to be tried again or left.

The acts go from the page to the gateway, with a desk ticket that is signed here (see
`pages/conversations`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_messages import identity
from konstruct_portal.delivery_words import death_in_words, show_delivery, version_of
from konstruct_portal.directory import (
    Shown,
    ShownTenant,
    agents_of,
    channels_of,
    connections_of,
    crumbs_of,
    find_tenant,
    names_by_id,
)
from konstruct_portal.formats import moment_of
from konstruct_portal.language import Translate
from konstruct_portal.page import Page, Viewed
from konstruct_portal.standing import Standing
from konstruct_store.attention import DeliveryRow, OpenDeadTurn

router = APIRouter()

_PER_PAGE = 50


@dataclass(frozen=True)
class _Dead:
    """A dead turn in words; `detail` is what the agent wrote itself."""

    row: OpenDeadTurn
    words: str
    detail: str


@dataclass(frozen=True)
class _Stuck:
    """A connection that could not send; `address` and `standing` only while it is declared."""

    key: str
    name: str
    count: int
    address: str
    standing: Standing | None


@router.get("/tenants/{tenant_name}/undelivered", name="undelivered")
async def show_undelivered(page: Viewed, tenant_name: str, before: str = "") -> Response:
    """Show dead turns and deliveries that were refused or are unknown, the latest first."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    dead: list[OpenDeadTurn] = []
    lost: list[DeliveryRow] = []
    stuck: Mapping[UUID, int] = {}
    if tenant.tenant_id is not None:
        records, moment = page.services.records, moment_of(before)
        dead = await records.open_dead_turns(tenant.tenant_id, before=moment, limit=_PER_PAGE)
        lost = await records.undelivered(tenant.tenant_id, before=moment, limit=_PER_PAGE + 1)
        stuck = await records.stuck_connections(tenant.tenant_id)
    shown = [show_delivery(row, _) for row in lost[:_PER_PAGE]]
    last = shown[-1].row.settled_at if len(lost) > _PER_PAGE else None
    return page.render(
        "pages/undelivered/page.html",
        tenant=tenant,
        dead=[_dead(row, _) for row in dead],
        lost=shown,
        stuck=await _stuck(page, tenant, stuck),
        older=last.isoformat() if last is not None else "",
        version=version_of(len(dead), shown) + "".join(str(one.turn_id)[-6:] for one in dead),
        repairs=f"/chat/{tenant.name}/{identity.PORTAL_CONNECTION}/undelivered",
        agents=names_by_id(tenant, await agents_of(page, tenant)),
        channels=await channels_of(page, tenant),
        section="conversations",
        crumbs=[
            *crumbs_of(page, tenant),
            (_("Conversations"), page.address("conversations", tenant_name=tenant.name)),
            (_("Not delivered"), ""),
        ],
    )


def _dead(row: OpenDeadTurn, _: Translate) -> _Dead:
    code = row.reason.isalnum()
    return _Dead(row, death_in_words(row.reason, _), "" if code else row.reason[:300])


async def _stuck(page: Page, tenant: ShownTenant, counts: Mapping[UUID, int]) -> list[_Stuck]:
    if tenant.tenant_id is None or not counts:
        return []
    tenant_id = identity.TenantId(tenant.tenant_id)
    declared: list[Shown] = await connections_of(page, tenant)
    return [
        _Stuck(
            key=one.name,
            name=one.name,
            count=counts[connection_id],
            address=page.address("connection", tenant_name=tenant.name, connection_name=one.name),
            standing=one.standing,
        )
        for one in declared
        if (connection_id := identity.connection_id(tenant_id, one.name)) in counts
    ]
