"""Who may take conversations over, and what the list and the transcript show of it."""

from datetime import UTC, datetime

import pytest

from konstruct_messages.credentials import CredentialUse, verify
from konstruct_messages.errors import MessagesError
from konstruct_portal.records import Role
from support.portal_fakes import ACME, GLOBEX
from support.portal_site import Site, submit

_TICKET = "/tenants/acme/desk/ticket"


async def test_an_operator_gets_a_desk_ticket_for_the_own_tenant(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    answer = await submit(visitor, "/tenants/acme/conversations", _TICKET)
    assert answer.headers["cache-control"] == "no-store"
    ticket, now = answer.json()["ticket"], datetime.now(UTC)
    credential = verify(ticket, b"k" * 32, use=CredentialUse.DESK, now=now)
    assert credential.tenant_id == ACME
    assert "@" not in credential.display_name
    with pytest.raises(MessagesError):
        verify(ticket, b"k" * 32, use=CredentialUse.TICKET, now=now)


async def test_a_strangers_tenant_gives_no_desk_ticket(site: Site) -> None:
    visitor = await site.signed_in(Role.ADMINISTRATOR, GLOBEX)
    answer = await submit(visitor, "/tenants/globex/conversations", _TICKET)
    assert answer.status_code == 404


async def test_a_desk_ticket_needs_a_genuine_form(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    assert (await visitor.post(_TICKET)).status_code == 403


async def test_the_list_can_show_only_who_waits_for_a_human(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    everything = (await visitor.get("/tenants/acme/conversations")).text
    waiting = (await visitor.get("/tenants/acme/conversations?waiting=yes")).text
    with_human = [one for one in site.records.talks[ACME] if one.conversation.mode == "Human"]
    assert waiting.count("people-name") == len(with_human)
    assert everything.count("people-name") == len(site.records.talks[ACME])
