"""The portal's pages of a channel that only a scaffolded folder knows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.new_channel import found_in
from support.portal_site import open_site, token_of

PAGE = "/tenants/acme/connect/telegram"
FILLED = {
    "name": "ark",
    "agent": "ana",
    "access_policy": "Everyone",
    "reply_when": "Addressed",
    "gather": "0",
    "config.accountId": "account-1",
    "secret.signingSecret": "quiet",
    "secret.accessToken": "token-1",
}


@pytest.fixture(autouse=True)
def _telegram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with found_in(tmp_path, monkeypatch, "telegram"):
        yield


async def test_it_can_be_chosen_and_connected() -> None:
    async with open_site() as site:
        visitor = await site.signed_in()
        chosen = await visitor.get("/tenants/acme/connect")
        assert f'href="{PAGE}"' in chosen.text
        assert "Messages to an account of the customer" in chosen.text
        icon = await visitor.get("/static/channels/telegram.svg")
        assert (icon.status_code, "<svg" in icon.text) == (200, True)
        page = await visitor.get(PAGE)
        for word in ("Account ID", "Signing secret", "Access token", "/hooks/telegram/acme/"):
            assert word in page.text
        wrong = await visitor.post(
            PAGE, data={"form_token": token_of(page), **FILLED, "config.accountId": "a b"}
        )
        assert wrong.status_code == 422
        assert "It looks like this: account-1" in wrong.text
        made = await visitor.post(PAGE, data={"form_token": token_of(page), **FILLED})
        assert made.headers["location"] == "/tenants/acme/connections/ark"
        spec = site.resources.items["ChannelConnection", "tenant-acme", "ark"].spec
        assert (spec["type"], spec["telegram"]) == ("Telegram", {"accountId": "account-1"})
        shown = await visitor.get("/tenants/acme/connections/ark")
        assert "http://127.0.0.1:8003/hooks/telegram/acme/ark" in shown.text


@pytest.mark.parametrize(
    ("language", "word"), [("es", "Secreto de firma"), ("pt", "Segredo de assinatura")]
)
async def test_its_own_words_are_translated(language: str, word: str) -> None:
    async with open_site() as site:
        visitor = await site.signed_in(language=language)
        assert word in (await visitor.get(PAGE)).text
