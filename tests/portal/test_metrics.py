"""What is counted: pages by name, never anybody's address."""

import httpx

from support.portal_site import Site


async def test_answers_are_counted_by_page_and_nobody_is_named(site: Site) -> None:
    visitor = await site.signed_in()
    await visitor.get("/tenants/acme")
    await visitor.get("/tenants/nobody")
    await visitor.get("/nothing-here")
    transport = httpx.ASGITransport(app=site.portal.internal_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal") as scraper:
        text = (await scraper.get("/metrics")).text
        assert (await scraper.get("/tenants")).status_code == 404
    assert 'konstruct_portal_requests_total{page="tenant",status="200"} 1.0' in text
    assert 'konstruct_portal_requests_total{page="tenant",status="404"} 1.0' in text
    assert 'konstruct_portal_requests_total{page="other",status="404"} 1.0' in text
    assert "acme" not in text


async def test_metrics_are_not_on_the_public_port(site: Site) -> None:
    visitor = await site.signed_in()
    assert (await visitor.get("/metrics")).status_code == 404
