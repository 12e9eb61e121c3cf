"""Whatever goes wrong ends in a page that says what to do, in the reader's language."""

import pytest

from konstruct_portal.errors import ResourcesUnavailable
from konstruct_store.errors import RetryLater
from support.portal_site import Site


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "There is nothing here"),
        ("es", "Aquí no hay nada"),
        ("pt", "Não há nada aqui"),
    ],
)
async def test_what_is_not_there_is_a_page(site: Site, language: str, words: str) -> None:
    visitor = await site.signed_in(language=language)
    for address in ("/nothing", "/tenants/nobody", "/tenants/acme/agents/nobody"):
        answer = await visitor.get(address)
        assert answer.status_code == 404
        assert words in answer.text


async def test_an_unreachable_cluster_is_a_503_that_passes(site: Site) -> None:
    visitor = await site.signed_in()
    site.resources.unreachable = ResourcesUnavailable("gone")
    answer = await visitor.get("/tenants")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Nothing is lost" in answer.text


async def test_without_the_database_even_the_error_page_works(site: Site) -> None:
    visitor = await site.signed_in(language="pt")
    site.records.broken = RetryLater("gone")
    for address in ("/tenants", "/profile"):
        answer = await visitor.get(address)
        assert answer.status_code == 503
        assert "Não conseguimos acessar nossos dados agora" in answer.text
    assert (await visitor.get("/readyz")).status_code == 503
    assert (await visitor.get("/healthz")).status_code == 200


async def test_an_unexpected_failure_tells_a_code_and_no_detail(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    visitor = await site.signed_in()
    site.resources.unreachable = RuntimeError("password=hunter2")
    answer = await visitor.get("/tenants")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    incident = answer.text.partition("<code>")[2].partition("</code>")[0]
    assert incident in capsys.readouterr().out


async def test_a_script_gets_json_instead_of_a_page(site: Site) -> None:
    visitor = await site.signed_in()
    answer = await visitor.get("/tenants/nobody", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": "404"}}


async def test_a_post_to_a_page_that_takes_none_is_a_page(site: Site) -> None:
    visitor = await site.signed_in()
    answer = await visitor.post("/tenants/acme")
    assert answer.status_code == 405
    assert "There is nothing here" in answer.text
