"""The script's address: for chats that take visitors, cacheable, with words and no HTML."""

import httpx
import pytest

from support.gateways import RunningGateway

pytestmark = pytest.mark.postgres


async def get(running: RunningGateway, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        return await client.get(path, headers=headers)


async def test_the_script_is_cached_until_it_changes(running: RunningGateway) -> None:
    first = await get(running, "/chat/acme/website/widget.js")
    assert first.status_code == 200
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "max-age=300" in first.headers["cache-control"]
    tag = first.headers["etag"]
    again = await get(running, "/chat/acme/website/widget.js", **{"If-None-Match": f'W/{tag}, "x"'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag


async def test_only_chats_for_visitors_have_a_script(running: RunningGateway) -> None:
    for path, status in (
        ("/chat/acme/staff/widget.js", 403),
        ("/chat/acme/portal/widget.js", 403),
        ("/chat/acme/nothing/widget.js", 404),
        ("/chat/nobody/website/widget.js", 404),
    ):
        assert (await get(running, path)).status_code == status
    far = await get(running, "/chat/acme/website/widget.js", Origin="https://evil.example")
    assert far.status_code == 403
    near = await get(running, "/chat/acme/website/widget.js", Origin="https://www.acme.example")
    assert near.headers["access-control-allow-origin"] == "https://www.acme.example"


async def test_the_script_speaks_three_languages_and_writes_no_html(
    running: RunningGateway,
) -> None:
    text = (await get(running, "/chat/acme/website/widget.js")).text
    for words in ("Open the chat", "Abrir el chat", "Abrir o chat"):
        assert words in text
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in text
