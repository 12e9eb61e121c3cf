"""What became of each message, in words, and what can be done about it."""

import json
import re
from html import unescape

import pytest

from konstruct_messages.replies import DeliveryState
from konstruct_portal.delivery_words import death_in_words, show_delivery, version_of
from konstruct_portal.records import Role
from support.portal_fakes import ACME, GLOBEX, delivery_row
from support.portal_site import Site

_PAGE = "/tenants/acme/undelivered"


def wishes(html: str) -> list[dict[str, object]]:
    found = re.findall(r'data-wish="([^"]*)"', html)
    return [json.loads(unescape(one)) for one in found]


@pytest.mark.parametrize(
    ("state", "over", "label"),
    [
        (DeliveryState.QUEUED, {}, "Waiting to be sent"),
        (DeliveryState.SENDING, {}, "Being sent"),
        (DeliveryState.SENT, {}, "Sent"),
        (DeliveryState.SENT, {"receipt": "delivered"}, "Delivered"),
        (DeliveryState.SENT, {"receipt": "read"}, "Read"),
        (DeliveryState.REFUSED, {"cause": "GaveUp"}, "Not delivered"),
        (DeliveryState.UNKNOWN, {}, "Unknown whether delivered"),
        (DeliveryState.WITHHELD, {}, "Withheld"),
    ],
)
def test_each_state_has_its_words(
    site: Site, state: DeliveryState, over: dict[str, str], label: str
) -> None:
    talk = site.records.talks[ACME][0].conversation
    shown = show_delivery(delivery_row(talk, state=state, **over), str)
    assert shown.label == label
    assert shown.again is (state in {DeliveryState.REFUSED, DeliveryState.UNKNOWN})
    assert shown.doubles is (state is DeliveryState.UNKNOWN)


def test_our_own_reasons_are_no_vendors_words(site: Site) -> None:
    talk = site.records.talks[ACME][0].conversation
    held = show_delivery(delivery_row(talk, state=DeliveryState.QUEUED, reason="NotSent"), str)
    assert (held.code, held.detail[:33]) == ("", "The channel takes nothing at the ")
    unclear = show_delivery(delivery_row(talk, state=DeliveryState.QUEUED, reason="reset"), str)
    assert unclear.code == "reset"
    assert "asked before it is sent again" in unclear.detail


def test_a_version_tells_one_state_from_another(site: Site) -> None:
    talk = site.records.talks[ACME][0].conversation
    row = delivery_row(talk)
    read = delivery_row(talk, receipt="read")
    versions = {version_of(1, [show_delivery(one, str)]) for one in (row, read)}
    assert len(versions | {version_of(2, [show_delivery(row, str)])}) == 3


def test_why_a_turn_died_is_said_in_words() -> None:
    assert death_in_words("DeadlinePassed", str) == "Nobody answered in time."
    assert death_in_words("No model answered: 500", str) == "No model answered."
    assert death_in_words("something new", str) == "The agent gave up."


async def test_wishes_name_what_was_seen(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    found = wishes((await visitor.get(_PAGE)).text)
    lost = [one for one in site.records.deliveries[ACME] if one.state in {"Refused", "Unknown"}]
    dead = site.records.dead[ACME][0]
    assert {"action": "send_refused", "connection": "team"} in found
    assert {"action": "replay", "turns": [str(dead.turn_id)]} in found
    for row in lost:
        seen = [{"id": str(row.delivery_id), "attempt": row.attempt}]
        assert {"action": "send", "deliveries": seen} in found
        assert {"action": "leave", "deliveries": seen} in found


async def test_a_possible_double_is_asked_about_first(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    text = (await visitor.get(_PAGE)).text
    assert text.count('data-sure="It may have arrived already') == 1


async def test_a_transcript_shows_each_part_and_what_was_withheld(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    jon = site.records.talks[ACME][1].conversation.conversation_id
    text = (await visitor.get(f"/tenants/acme/conversations/{jon}")).text
    for words in (
        "Part 1 of 3: Read",
        "Part 2 of 3: Unknown whether delivered",
        "Part 3 of 3: Not delivered",
        "token_revoked",
        "A human had taken the conversation over.",
    ):
        assert words in text
    assert text.count("is-withheld") == 1


async def test_the_list_can_show_what_needs_attention(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME)
    text = (await visitor.get("/tenants/acme/conversations?attention=yes")).text
    assert text.count("people-name") == 2
    assert "Not answered" in text
    assert "Unknown whether delivered" in text


async def test_the_tenants_page_counts_what_needs_a_person(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME, GLOBEX)
    assert (await visitor.get("/tenants/acme")).text.count('class="counts-words"') == 4
    assert "counts-words" not in (await visitor.get("/tenants/globex")).text


async def test_a_strangers_tenant_shows_nothing(site: Site) -> None:
    visitor = await site.signed_in(Role.ADMINISTRATOR, GLOBEX)
    assert (await visitor.get(_PAGE)).status_code == 404
