"""Somebody of the tenant at the desk: a ticket as the portal signs it, and what is done with it."""

from typing import Any
from uuid import UUID

import httpx

from konstruct_messages.credentials import CredentialUse
from support.gateways import RunningGateway, SampleTenant


def desk_ticket(tenant: SampleTenant, **over: Any) -> str:
    return tenant.portal_ticket(
        agent="", use=CredentialUse.DESK, **({"display_name": "Eva"} | over)
    )


async def act(
    running: RunningGateway,
    conversation: UUID,
    ticket: str,
    *,
    tenant: str = "acme",
    origin: str | None = None,
    **wish: str,
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {ticket}"} | ({"Origin": origin} if origin else {})
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        path = f"/chat/{tenant}/portal/conversations/{conversation}"
        return await client.post(path, json=wish, headers=headers)


async def repair(running: RunningGateway, ticket: str, **wish: Any) -> list[str]:
    """Wish something about what did not arrive; return the ids of what was done."""
    headers = {"Authorization": f"Bearer {ticket}"}
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        answer = await client.post("/chat/acme/portal/undelivered", json=wish, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["done"]
    return found
