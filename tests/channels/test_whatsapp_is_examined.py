"""Meta is asked about a number, an app and an account; each answer is one finding with a step."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from konstruct_channels.checks import Finding, Verdict
from konstruct_channels.whatsapp.checks import CHECKS
from konstruct_channels.whatsapp.outbound import WhatsAppOutbound, open_outbound
from support.far_graph import TOKEN, FarGraph, far_graph
from support.far_graph_account import webhook_of
from support.whatsapp_events import ACCOUNT_ID, APP_SECRET, PHONE_NUMBER_ID

pytestmark = pytest.mark.sockets

URL = "https://konstruct.example.com/hooks/whatsapp/acme/phone"
CONFIG = {"phoneNumberId": PHONE_NUMBER_ID, "businessAccountId": ACCOUNT_ID}
CREDENTIALS = {"accessToken": TOKEN, "appSecret": APP_SECRET, "verifyToken": "chosen-by-us"}
APPROVED = {"name": "write_again", "language": "en", "status": "APPROVED", "category": "UTILITY"}


@asynccontextmanager
async def meta() -> AsyncIterator[tuple[FarGraph, WhatsAppOutbound]]:
    far = FarGraph(templates=[APPROVED])
    far.account.webhook = webhook_of(URL)
    async with far_graph(far), open_outbound(far.url) as outbound:
        yield far, outbound


async def examined(outbound: WhatsAppOutbound, **over: Any) -> dict[str, Finding]:
    found = await outbound.examine(
        config=CONFIG | over.pop("config", {}),
        credentials=CREDENTIALS | over,
        webhook_url=URL,
    )
    assert [one.check for one in found] == [one.name for one in CHECKS]
    return {one.check: one for one in found}


def but(**verdicts: str) -> dict[str, str]:
    """Return the verdicts of a connection in order, but for these."""
    return {one.name: "ok" for one in CHECKS} | verdicts


async def test_a_number_in_order_is_told_check_by_check() -> None:
    async with meta() as (_far, outbound):
        found = await examined(outbound)
    assert {name: one.verdict for name, one in found.items()} == but()
    assert found["number"].said.say() == "+1 555-025-3483 (Acme Bicycles) is connected."
    assert found["token"].said.say() == "Meta takes the access token, and it does not end."
    assert found["templates"].said.say() == "1 of 1 approved."


WRONG: dict[str, tuple[Callable[[FarGraph], object], dict[str, str], str]] = {
    "a permission is missing": (
        lambda far: far.account.scopes.remove("whatsapp_business_messaging"),
        {"scopes": "failed"},
        "whatsapp_business_messaging",
    ),
    "the permissions are for another account": (
        lambda far: far.account.targets.append("999"),
        {"scopes": "failed"},
        ACCOUNT_ID,
    ),
    "the app has no webhook": (
        lambda far: setattr(far.account, "webhook", None),
        {"webhook": "failed"},
        "no webhook",
    ),
    "the app calls another address": (
        lambda far: setattr(far.account, "webhook", webhook_of("https://other.example/x")),
        {"webhook": "failed"},
        "https://other.example/x",
    ),
    "the webhook is without messages": (
        lambda far: setattr(far.account, "webhook", webhook_of(URL) | {"fields": []}),
        {"webhook": "failed"},
        "messages",
    ),
    "the app is not subscribed to the account": (
        lambda far: far.account.subscribed.clear(),
        {"subscription": "failed"},
        "does not get",
    ),
    "the number is of another account": (
        lambda far: far.account.number.update(id="1"),
        {"number": "failed", "quality": "unknown"},
        PHONE_NUMBER_ID,
    ),
    "the number is restricted": (
        lambda far: far.account.number.update(status="RESTRICTED"),
        {"number": "failed"},
        "RESTRICTED",
    ),
    "people report the number": (
        lambda far: far.account.number.update(quality_rating="RED"),
        {"quality": "failed"},
        "RED",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_named_with_the_next_step(wrong: str) -> None:
    spoil, verdicts, words = WRONG[wrong]
    async with meta() as (far, outbound):
        spoil(far)
        found = await examined(outbound)
    assert {name: one.verdict for name, one in found.items()} == but(**verdicts)
    failed = next(one for one in found.values() if one.verdict is Verdict.FAILED)
    assert words in failed.said.say()
    assert failed.next_step is not None
    assert failed.next_step.say()


async def test_a_token_that_was_revoked_is_the_one_thing_to_mend() -> None:
    async with meta() as (far, outbound):
        far.numbers[0].revoked = True
        found = await examined(outbound)
    assert found.pop("token").verdict is Verdict.FAILED
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}


async def test_a_connection_without_a_token_is_not_asked_about() -> None:
    async with meta() as (far, outbound):
        found = await examined(outbound, accessToken="")
        assert found["token"].verdict is Verdict.FAILED
        assert far.calls == []


async def test_an_app_secret_of_another_app_shows_before_a_delivery_comes() -> None:
    async with meta() as (_far, outbound):
        found = await examined(outbound, appSecret="0123456789abcdef0123456789abcdef")
    assert found["appSecret"].verdict is Verdict.FAILED
    assert found["webhook"].verdict is Verdict.UNKNOWN


async def test_a_token_of_the_first_day_is_said_to_end() -> None:
    async with meta() as (far, outbound):
        far.account.expires_at = int(time.time()) + 3600
        found = await examined(outbound)
    assert found["token"].verdict is Verdict.OK
    assert "ends soon" in found["token"].said.say()
    assert found["token"].next_step is not None


@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ({"reopenTemplate": "write_again", "reopenLanguage": "en"}, Verdict.OK),
        ({"reopenTemplate": "write_again", "reopenLanguage": "es"}, Verdict.FAILED),
        ({"reopenTemplate": "paused", "reopenLanguage": "en"}, Verdict.FAILED),
    ],
)
async def test_the_template_that_the_connection_names_must_be_approved(
    config: dict[str, str], verdict: Verdict
) -> None:
    async with meta() as (far, outbound):
        far.templates.append(APPROVED | {"name": "rejected", "status": "REJECTED"})
        far.templates.append(APPROVED | {"name": "paused", "status": "PAUSED"})
        found = (await examined(outbound, config=config))["templates"]
    assert found.verdict is verdict
    if verdict is Verdict.OK:
        assert found.said.say() == "1 approved; not usable: paused, rejected."


async def test_while_meta_is_away_nothing_is_called_wrong() -> None:
    async with meta() as (far, _outbound):
        url = far.url
    async with open_outbound(url) as outbound:
        found = await examined(outbound)
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}
