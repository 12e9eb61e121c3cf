"""Talking to an agent from the portal, over the same socket as every web chat."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_messages import identity
from konstruct_messages.credentials import TICKET_LIFETIME, CredentialUse
from konstruct_portal.directory import find_agent, find_tenant
from konstruct_portal.page import Viewed
from konstruct_portal.tickets import ticket_for

router = APIRouter()
_PORTAL = f"/chat/{{tenant}}/{identity.PORTAL_CONNECTION}"


def _words(_: Callable[[str], str]) -> dict[str, str]:
    """Return what the page says about files that go with a message."""
    return {
        "sending": _("Sending: {share} %"),
        "added": _("{name} is attached."),
        "removed": _("{name} was removed."),
        "remove": _("Remove {name}"),
        "again": _("Send {name} again"),
        "wait": _("Please wait until your files are sent."),
        "many": _("A message takes at most 10 files."),
        "large": _("This file is too large. At most {size} can be sent."),
        "empty": _("This file is empty."),
        "type": _("Files of this type cannot be sent here."),
        "fast": _("Too many files at once. Wait a moment, then try again."),
        "none": _("Files cannot be sent here."),
        "failed": _("The file could not be sent."),
        "pasted": _("File"),
    }


@router.get("/tenants/{tenant_name}/agents/{agent_name}/chat", name="chat")
async def show_chat(page: Viewed, tenant_name: str, agent_name: str) -> Response:
    """Show the chat; the script opens the socket."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    agent = await find_agent(page, tenant, agent_name)
    origin = page.services.settings.socket_origin
    return page.render(
        "pages/chat/page.html",
        tenant=tenant,
        agent=agent,
        socket=f"{origin}/chat/{tenant.name}/{identity.PORTAL_CONNECTION}/ws",
        upload=f"{page.services.settings.gateway_url}{_PORTAL.format(tenant=tenant.name)}/files",
        files=_words(_),
        section="chat",
        crumbs=[
            (_("Tenants"), page.address("tenants")),
            (tenant.display_name, page.address("tenant", tenant_name=tenant.name)),
            (
                agent.display_name,
                page.address("agent", tenant_name=tenant.name, agent_name=agent.name),
            ),
            (_("Chat"), ""),
        ],
    )


@router.post("/tenants/{tenant_name}/agents/{agent_name}/chat/ticket", name="chat.ticket")
async def give_ticket(page: Viewed, tenant_name: str, agent_name: str) -> Response:
    """Return a ticket that opens one socket within a minute."""
    tenant = await find_tenant(page, tenant_name)
    agent = await find_agent(page, tenant, agent_name)
    return ticket_for(
        page,
        tenant,
        use=CredentialUse.TICKET,
        lifetime=TICKET_LIFETIME,
        display_name=page.user.email[:128],
        agent=agent.name,
    )
