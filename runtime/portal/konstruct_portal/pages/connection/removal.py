"""Deleting a connection, after its name was typed once more."""

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_portal.errors import NotHere, ResourceNotFound
from konstruct_portal.page import Page, Viewed, text_of
from konstruct_portal.pages.connection import common

router = APIRouter()

_ADDRESS = "/tenants/{tenant_name}/connections/{connection_name}/delete"


@router.get(_ADDRESS, name="connection.delete")
async def ask(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Say what goes and what stays, and ask for the name."""
    opened = await common.open_for_change(page, tenant_name, connection_name)
    return _render(page, opened)


@router.post(_ADDRESS, name="connection.delete.confirm")
async def delete(page: Viewed, tenant_name: str, connection_name: str) -> Response:
    """Delete the connection if the name was typed."""
    opened = await common.open_for_change(page, tenant_name, connection_name)
    typed = text_of(await page.form(), "typed").strip()
    if typed != opened.connection.name:
        return _render(page, opened, status=422, typed=typed)
    try:
        await page.services.resources.delete(opened.connection.resource)
    except ResourceNotFound as error:
        raise NotHere(connection_name) from error
    return page.go("tenant", toast="connection-deleted", tenant_name=tenant_name)


def _render(
    page: Page, opened: common.Opened, *, status: int = 200, typed: str | None = None
) -> Response:
    _ = page.translate
    way = common.to_connection(page, opened)
    return page.render(
        "pages/connection/delete.html",
        status=status,
        tenant=opened.tenant,
        connection=opened.connection,
        typed=typed,
        section="connection",
        crumbs=common.crumbs(page, opened.tenant, way, (_("Delete"), "")),
    )
