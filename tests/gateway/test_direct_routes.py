"""The busiest paths go round the framework and are answered as it would answer them."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from konstruct_gateway.edge.direct import Direct, DirectRoute
from konstruct_gateway.errors import Overloaded


async def behind(request: Request) -> Response:
    return PlainTextResponse(f"behind {request.url.path}")


async def named(request: Request) -> Response:
    return PlainTextResponse(f"{request.path_params}")


async def failing(request: Request) -> Response:
    if request.path_params["how"] == "known":
        raise Overloaded("Too much.")
    raise LookupError("a bug")


def client() -> httpx.AsyncClient:
    app = Direct(
        Starlette(routes=[Route("/{rest:path}", behind, methods=["GET", "POST"])]),
        [
            DirectRoute("/a/{one}/c/{two}", named),
            DirectRoute("/fail/{how}", failing, frozenset({"PUT"})),
        ],
    )
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_whole_path_is_matched_and_its_parts_are_named() -> None:
    async with client() as http:
        answer = await http.post("/a/x%20y/c/z")
    assert answer.text == "{'one': 'x y', 'two': 'z'}"


@pytest.mark.parametrize("path", ["/a/x/c", "/a/x/c/z/", "/a/x/d/z", "/a//c/z", "/b/x/c/z", "/"])
async def test_any_other_path_goes_on(path: str) -> None:
    async with client() as http:
        answer = await http.post(path)
    assert answer.text == f"behind {path}"


async def test_another_method_goes_on() -> None:
    async with client() as http:
        answer = await http.get("/a/x/c/z")
    assert answer.text == "behind /a/x/c/z"


async def test_errors_are_answered_as_everywhere() -> None:
    async with client() as http:
        known = await http.put("/fail/known")
        bug = await http.put("/fail/otherwise")
    assert (known.status_code, known.json()["error"]["code"]) == (503, "overloaded")
    assert (bug.status_code, bug.json()["error"]["code"]) == (500, "internal")
    assert "a bug" not in bug.text
