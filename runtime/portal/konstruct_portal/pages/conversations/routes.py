"""A tenant's conversations: the list, one transcript, and the desk to take one over.

A human's acts go from the page straight to the gateway, with a ticket that is signed here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from konstruct_messages import identity, links
from konstruct_messages.credentials import DESK_LIFETIME, CredentialUse
from konstruct_portal.delivery_words import by_seq, show_delivery, version_of
from konstruct_portal.directory import (
    agents_of,
    channels_of,
    crumbs_of,
    find_tenant,
    names_by_id,
)
from konstruct_portal.errors import NotHere
from konstruct_portal.formats import moment_of
from konstruct_portal.language import Translate
from konstruct_portal.page import Page, Viewed
from konstruct_portal.records import ConversationRow
from konstruct_portal.tickets import ticket_for

router = APIRouter()

_PER_PAGE = 30


@router.get("/tenants/{tenant_name}/conversations", name="conversations")
async def show_conversations(
    page: Viewed, tenant_name: str, before: str = "", waiting: str = "", attention: str = ""
) -> Response:
    """Show a page of the list, the latest first.

    `waiting`: only those that a human has; `attention`: those, and where something was lost.
    """
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    view = "attention" if attention else "waiting" if waiting else "all"
    rows: list[ConversationRow] = []
    troubles: Mapping[UUID, frozenset[str]] = {}
    if tenant.tenant_id is not None:
        rows = await _rows(page, tenant.tenant_id, view, moment_of(before))
        ids = [one.conversation_id for one in rows]
        troubles = await page.services.records.troubles_of(tenant.tenant_id, ids)
    shown = rows[:_PER_PAGE]
    return page.render(
        "pages/conversations/page.html",
        tenant=tenant,
        rows=shown,
        older=shown[-1].last_at.isoformat() if len(rows) > _PER_PAGE else "",
        paged=bool(before),
        view=view,
        troubles=troubles,
        agents=names_by_id(tenant, await agents_of(page, tenant)),
        channels=await channels_of(page, tenant),
        section="conversations",
        crumbs=[*crumbs_of(page, tenant), (_("Conversations"), "")],
    )


async def _rows(
    page: Page, tenant_id: UUID, view: str, before: datetime | None
) -> list[ConversationRow]:
    """Return a page of a view's conversations, and one more if there are more."""
    records, limit = page.services.records, _PER_PAGE + 1
    if view == "attention":
        return await records.conversations_needing_attention(tenant_id, before=before, limit=limit)
    return await records.conversations(
        tenant_id, before=before, limit=limit, with_human=view == "waiting"
    )


@router.get("/tenants/{tenant_name}/conversations/{conversation_id}", name="transcript")
async def show_transcript(page: Viewed, tenant_name: str, conversation_id: str) -> Response:
    """Show what was said in one conversation."""
    _ = page.translate
    tenant = await find_tenant(page, tenant_name)
    try:
        wanted = UUID(conversation_id)
    except ValueError as error:
        raise NotHere(conversation_id) from error
    if tenant.tenant_id is None:
        raise NotHere(conversation_id)
    transcript = await page.services.records.transcript(tenant.tenant_id, wanted)
    if transcript is None:
        raise NotHere(conversation_id)
    name = transcript.conversation.person_name or _("Visitor")
    first = transcript.entries[0].seq if transcript.entries else 0
    rows = await page.services.records.deliveries_of(tenant.tenant_id, wanted, from_seq=first)
    deliveries = [show_delivery(row, _) for row in rows]
    return page.render(
        "pages/conversations/transcript.html",
        tenant=tenant,
        transcript=transcript,
        file_link=partial(_file_link, page, tenant.tenant_id),
        person=name,
        now=datetime.now(UTC),
        words=_words(_),
        deliveries=by_seq(deliveries),
        version=version_of(transcript.conversation.entries, deliveries),
        repairs=f"/chat/{tenant.name}/{identity.PORTAL_CONNECTION}/undelivered",
        desk=f"/chat/{tenant.name}/{identity.PORTAL_CONNECTION}/conversations/{wanted}",
        agent=names_by_id(tenant, await agents_of(page, tenant)).get(
            transcript.conversation.agent_id
        ),
        channel=(await channels_of(page, tenant)).get(transcript.conversation.connection_id),
        section="conversations",
        crumbs=[
            *crumbs_of(page, tenant),
            (_("Conversations"), page.address("conversations", tenant_name=tenant.name)),
            (name, ""),
        ],
    )


@router.post("/tenants/{tenant_name}/desk/ticket", name="desk.ticket")
async def give_ticket(page: Viewed, tenant_name: str) -> Response:
    """Return a ticket with which the viewer takes conversations of the tenant over, for a minute.

    Whoever may see a tenant's conversations may; the gateway records who did.
    """
    tenant = await find_tenant(page, tenant_name)
    return ticket_for(
        page,
        tenant,
        use=CredentialUse.DESK,
        lifetime=DESK_LIFETIME,
        display_name=_first_name(page.user.email),
    )


def _first_name(email: str) -> str:
    """Return what customers read as a person's name: not the whole address."""
    name = email.split("@", 1)[0].split("+", 1)[0]
    return name.replace(".", " ").replace("_", " ").title()[:128] or "?"


def _words(_: Translate) -> dict[str, str]:
    """Return what markers and notices without a text of their own mean."""
    return {
        "ModeHuman": _("From here on, a human has the conversation."),
        "ModeAgent": _("The agent is back."),
        "StartedOver": _("The person started over. The agent no longer looks at what was before."),
        "Replayed": _("The message was given to the agent again."),
        "Stopped": _("The answer was stopped."),
        "Later": _("The answer takes longer than usual."),
        "Reopened": _("A template asks the person to write again."),
        "Suspended": _("The agent is suspended; the message is kept."),
    }


def _file_link(page: Page, tenant_id: UUID, media_id: UUID) -> str:
    """Return a link to a file that somebody sent; the gateway opens it until it expires."""
    settings = page.services.settings
    key = links.link_key(settings.chat_key.get_secret_value())
    return settings.gateway_url + links.link(tenant_id, media_id, key=key, now=datetime.now(UTC))
