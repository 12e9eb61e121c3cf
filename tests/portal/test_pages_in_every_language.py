"""Every page is there in three languages, whatever there is or is not to show."""

import re
from html.parser import HTMLParser
from uuid import UUID

import pytest

from konstruct_portal.records import MonthUsage, Role
from konstruct_portal.resources import Resource
from support.portal_fakes import ACME, GLOBEX, MemoryRecords, MemoryResources, resource
from support.portal_site import Site

PAGES = (
    "/tenants",
    "/tenants?q=robot",
    "/tenants?q=nobody",
    "/tenants/acme",
    "/tenants/globex",
    "/tenants/acme/agents/ana",
    "/tenants/acme/agents/bruno",
    "/tenants/acme/agents/ana/chat",
    "/tenants/acme/connections/website",
    "/tenants/acme/connections/team",
    "/tenants/acme/usage",
    "/tenants/acme/usage?month=2020-01",
    "/tenants/acme/usage?month=nonsense",
    "/tenants/globex/usage",
    "/tenants/acme/conversations",
    "/tenants/acme/conversations?before=2020-01-01T00:00:00%2B00:00",
    "/tenants/globex/conversations",
    "/tenants/acme/conversations?attention=yes",
    "/tenants/globex/conversations?attention=yes",
    "/tenants/acme/undelivered",
    "/tenants/globex/undelivered",
    "/tenants/acme/connect",
    "/tenants/acme/connect/slack",
    "/tenants/acme/connect/webchat",
    "/tenants/acme/connections/team/edit",
    "/tenants/acme/connections/team/credentials",
    "/tenants/acme/connections/team/delete",
    "/profile",
)
PARTIAL = (
    "/tenants",
    "/tenants/acme",
    "/tenants/acme/agents/ana",
    "/tenants/acme/connections/team",
)


class _Reader(HTMLParser):
    """Collects what a sighted or listening person gets, and what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.language = ""
        self.forbidden: list[str] = []
        self.headings = 0
        self.mains = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang") or ""
        if tag == "script" and "src" not in given:
            self.forbidden.append("inline script")
        self.forbidden += [
            f"{tag} {name}" for name in given if name == "style" or name.startswith("on")
        ]
        if tag == "style":
            self.forbidden.append("inline style")
        self.headings += tag == "h1"
        self.mains += tag == "main"
        for name in ("src", "href", "action"):
            address = given.get(name) or ""
            # A link that a person follows may lead elsewhere; what a page loads may not.
            if tag == "a" and given.get("rel") == "noopener" and address.startswith("https:"):
                continue
            if address.startswith(("http:", "https:", "//", "data:", "javascript:")):
                self.forbidden.append(f"{tag} {name}={address}")


def read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("language", ["en", "es", "pt"])
async def test_every_page_answers_in_the_language_asked_for(site: Site, language: str) -> None:
    visitor = await site.signed_in(language=language)
    for address in PAGES:
        answer = await visitor.get(address)
        assert answer.status_code == 200, address
        page = read(answer.text)
        assert page.language == language, address
        assert page.forbidden == [], address
        assert (page.headings, page.mains) == (1, 1), address
        assert answer.headers["content-language"] == language


async def test_a_page_differs_from_language_to_language(site: Site) -> None:
    titles = set()
    for language in ("en", "es-AR", "pt-BR"):
        visitor = await site.signed_in(language=language)
        text = (await visitor.get("/tenants/globex/conversations")).text
        titles.add(re.search(r"<h3>(.*?)</h3>", text)[1])  # type: ignore[index]
    assert titles == {
        "Nobody has written yet",
        "Nadie ha escrito todavía",
        "Ninguém escreveu ainda",
    }


@pytest.mark.parametrize("address", PARTIAL)
async def test_a_part_of_a_page_is_a_part_only(site: Site, address: str) -> None:
    visitor = await site.signed_in()
    answer = await visitor.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert read(answer.text).forbidden == []


async def test_a_transcript_shows_what_was_said_as_text(site: Site) -> None:
    visitor = await site.signed_in()
    listing = await visitor.get("/tenants/acme/conversations")
    address = re.search(r'href="(/tenants/acme/conversations/[0-9a-f-]{36})"', listing.text)
    assert address
    page = await visitor.get(address[1])
    assert "Hello, are you open today?" in page.text
    assert "**until 18:00**" in page.text  # Markdown is drawn by the browser, from text
    assert "From here on, a human has the conversation." in page.text


async def test_conditions_are_shown_word_for_word(site: Site) -> None:
    visitor = await site.signed_in(language="es")
    text = (await visitor.get("/tenants/acme/connections/team")).text
    assert "Slack answers token_revoked. Install the app again" in text
    assert "AuthenticationFailed" in text
    assert "Requiere atención" in text


async def test_what_a_person_wrote_is_never_markup(site: Site) -> None:
    ana = site.resources.items["Agent", "tenant-acme", "ana"]
    ana.spec["displayName"] = '<script>alert("x")</script>'
    ana.spec["instructions"] = "</textarea><img src=x onerror=alert(1)>"
    visitor = await site.signed_in()
    for address in ("/tenants/acme", "/tenants/acme/agents/ana", "/tenants/acme/agents/ana/chat"):
        text = (await visitor.get(address)).text
        assert read(text).forbidden == []
        assert "<img src=x" not in text


async def test_an_empty_platform_says_what_to_do(site: Site) -> None:
    site.resources.items.clear()
    visitor = await site.signed_in()
    assert "No tenants yet" in (await visitor.get("/tenants")).text


async def test_an_operator_without_a_tenant_is_told_whom_to_ask(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR)
    assert "No tenant is open to you yet" in (await visitor.get("/tenants")).text


async def test_a_tenant_nobody_has_reported_on_can_be_looked_at(site: Site) -> None:
    site.resources.add(
        Resource(kind="Tenant", name="fresh", namespace="", spec={"displayName": "Fresh"})
    )
    visitor = await site.signed_in()
    for address in ("", "/usage", "/conversations"):
        answer = await visitor.get(f"/tenants/fresh{address}")
        assert answer.status_code == 200
    assert "Not reported yet" in (await visitor.get("/tenants/fresh")).text


async def test_an_unknown_conversation_is_not_found(site: Site) -> None:
    visitor = await site.signed_in()
    for unknown in ("6a9c8f3e-0000-4000-8000-000000000000", "nonsense"):
        answer = await visitor.get(f"/tenants/acme/conversations/{unknown}")
        assert answer.status_code == 404


async def test_the_list_is_found_by_a_part_of_the_name(site: Site) -> None:
    visitor = await site.signed_in()
    text = (await visitor.get("/tenants?q=ROBOT", headers={"HX-Request": "true"})).text
    assert "Acme Robotics" in text
    assert "Globex" not in text


async def test_usage_is_in_the_readers_own_figures(site: Site) -> None:
    site.records.usages[GLOBEX] = MonthUsage(spent_micro_usd=1_234_500_000)
    assert isinstance(site.records, MemoryRecords)
    assert isinstance(site.resources, MemoryResources)
    english = await site.signed_in()
    portuguese = await site.signed_in(language="pt")
    assert "$1,234.50" in (await english.get("/tenants/globex/usage")).text
    assert "1.234,50" in (await portuguese.get("/tenants/globex/usage")).text


async def test_the_language_of_the_account_wins_over_the_browsers(site: Site) -> None:
    visitor = await site.signed_in(Role.OPERATOR, ACME, language="pt")
    user = next(iter(site.records.users.values()))
    await site.records.set_preferences(user.user_id, language="es", theme="dark")
    page = (await visitor.get("/tenants")).text
    assert read(page).language == "es"
    assert 'data-bs-theme="dark"' in page


async def test_a_long_list_comes_in_pages_and_reads_usage_of_one_page_only(site: Site) -> None:
    for number in range(120):
        site.resources.add(
            resource(
                "Tenant",
                f"t{number:03}",
                spec={"displayName": f"Tenant {number:03}"},
                status={"id": str(UUID(int=number + 1)), "namespace": f"tenant-t{number:03}"},
            )
        )
    asked: list[UUID] = []
    month_usage = site.records.month_usage

    async def counted(tenant_id: UUID, *, time_zone: str) -> MonthUsage:
        asked.append(tenant_id)
        return await month_usage(tenant_id, time_zone=time_zone)

    site.records.month_usage = counted  # type: ignore[method-assign, assignment]
    visitor = await site.signed_in()
    first = (await visitor.get("/tenants")).text
    assert len(asked) == 50
    assert "1 to 50 of 122" in first
    assert "Spent</div>" not in first
    last = (await visitor.get("/tenants?start=100", headers={"HX-Request": "true"})).text
    assert "101 to 122 of 122" in last
    assert "start=50" in last
    assert (await visitor.get("/tenants?start=-7")).status_code == 200
    assert (await visitor.get("/tenants?start=99999")).status_code == 200
    assert (await visitor.get("/tenants?start=x")).status_code == 404
