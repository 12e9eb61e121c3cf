"""Asking a gateway's doctor, with the public address reached by a stand-in for the Internet."""

from dataclasses import dataclass
from typing import Any

import httpx

from support.gateways import RunningGateway, operator


@dataclass
class Reaching:
    """Hands requests for the public address on to the gateway, as a proxy in front of it would."""

    url: str = ""
    spoils: bool = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if not self.url:
            raise httpx.ConnectError("nobody there", request=request)
        body = await request.aread()
        if self.spoils:
            body += b" "
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(
                request.method,
                self.url + request.url.raw_path.decode(),
                headers=[one for one in request.headers.raw if one[0].lower() != b"content-length"],
                content=body,
            )
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in {"content-length", "content-encoding"}
        }
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


def reach(gateway: RunningGateway, url: str, *, spoils: bool = False) -> None:
    """Let `https://chat.example.com` be the gateway itself; an empty `url`: nobody."""
    client = gateway.gateway.parts.doctor.round_trip.client
    client._transport = httpx.MockTransport(Reaching(url, spoils))
    client._mounts = {}


async def examined(gateway: RunningGateway, place: str, language: str = "en") -> dict[str, Any]:
    """Ask at the internal port, as `konstruct doctor` does."""
    tenant, _, connection = place.partition("/")
    async with operator(gateway.internal_url) as client:
        asked = {"tenant": tenant, "connection": connection, "language": language}
        answer = await client.post("/internal/doctor/examine", json=asked)
    assert answer.status_code == 200, answer.text
    [found] = answer.json()["connections"]
    assert isinstance(found, dict)
    return found


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {one["check"]: one["verdict"] for one in found["findings"]}


def finding(found: dict[str, Any], check: str) -> dict[str, Any]:
    return next(one for one in found["findings"] if one["check"] == check)
