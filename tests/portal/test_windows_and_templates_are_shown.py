"""Until when a person can be written to, what is held until they write, and which templates are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from konstruct_messages import identity
from konstruct_messages.replies import DeliveryState
from konstruct_portal.delivery_words import show_delivery
from konstruct_portal.records import Role
from konstruct_store.templates import ListedTemplate
from support.portal_fakes import ACME, delivery_row
from support.portal_site import Site


def test_what_is_held_needs_nobody_and_says_why(site: Site) -> None:
    talk = site.records.talks[ACME][0].conversation
    shown = show_delivery(delivery_row(talk, state=DeliveryState.HELD, cause="Window"), str)
    assert shown.label == "Held until the person writes"
    assert "so long after the person's last message" in shown.detail
    assert (shown.open, shown.again) == (False, False)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(3, "Can be written to until"), (-3, "Can be written to once the person writes")],
)
async def test_a_transcript_says_until_when_a_person_can_be_written_to(
    site: Site, hours: int, words: str
) -> None:
    transcript = site.records.talks[ACME][0]
    ends = datetime.now(UTC) + timedelta(hours=hours)
    shown = replace(transcript.conversation, window_ends_at=ends)
    site.records.talks[ACME][0] = replace(transcript, conversation=shown)
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    page = await visitor.get(f"/tenants/acme/conversations/{shown.conversation_id}")
    assert words in page.text


async def test_a_connections_templates_are_listed_with_their_state(site: Site) -> None:
    connection_id = identity.connection_id(identity.TenantId(ACME), "website")
    listed = datetime.now(UTC)
    site.records.templates[connection_id] = [
        ListedTemplate("answer_ready", "en", "APPROVED", "utility", "", "It is ready.", listed),
        ListedTemplate("news", "pt_BR", "PAUSED", "marketing", "", "", listed),
    ]
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    page = await visitor.get("/tenants/acme/connections/website")
    for word in ("answer_ready", "approved", "It is ready.", "news", "pt_BR", "paused"):
        assert word in page.text
