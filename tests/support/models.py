"""The model service on a real socket and a real database, and an agent's hand to call it with."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from konstruct_llm.app import open_llm
from konstruct_llm.settings import LlmSettings
from konstruct_messages.turns import ClaimedTurn
from konstruct_registry.snapshot import TenantSnapshot
from support.build import tenant_snapshot
from support.far_model import FarModel
from support.postgres import Database
from support.sockets import serve

WORK_TOKEN = "kw_test_token"


def known_tenant(**over: Any) -> TenantSnapshot:
    """Return a tenant whose work token is WORK_TOKEN."""
    digest = hashlib.sha256(WORK_TOKEN.encode()).hexdigest()
    return tenant_snapshot(**{"work_token_hashes": (digest,)} | over)


def write_pool(folder: Path, *models: dict[str, Any]) -> Path:
    """Write a pool file."""
    file = folder / "models.yaml"
    file.write_text(yaml.safe_dump({"models": list(models)}))
    return file


def far_pool_model(far: FarModel, name: str = "far", **over: Any) -> dict[str, Any]:
    """Return a pool entry for a far model; a token costs one micro-USD in and two out."""
    return {
        "name": name,
        "model": "openai/far-1",
        "apiBase": far.url,
        "apiKeyEnv": f"KEY_{name.upper()}",
        "inputMicroUSD": 1_000_000,
        "outputMicroUSD": 2_000_000,
        "maxOutputTokens": 100,
    } | over


@asynccontextmanager
async def serving_llm(database: Database, **over: Any) -> AsyncIterator[str]:
    """Serve the model service; yield its base URL."""
    settings = LlmSettings.model_validate({"database_url": database.url("llm"), **over})
    async with open_llm(settings) as llm, serve(llm.app) as url:
        yield url


@dataclass
class Caller:
    """An agent's hand: calls for one turn."""

    url: str
    turn: ClaimedTurn
    token: str = WORK_TOKEN
    events: list[dict[str, Any]] = field(default_factory=list)

    def headers(self, number: int = 0, **over: str) -> dict[str, str]:
        """Return the headers of a step."""
        return {
            "Authorization": f"Bearer {self.token}",
            "Konstruct-Turn": str(self.turn.turn_id),
            "Konstruct-Attempt": str(self.turn.attempt),
            "Konstruct-Turn-Token": self.turn.turn_token,
            "Konstruct-Step": str(number),
        } | over

    async def ask(self, text: str = "hello", number: int = 0, **over: Any) -> httpx.Response:
        """Ask without streaming."""
        body = {"messages": [{"role": "user", "content": text}]} | over
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as http:
            return await http.post("/v1/chat/completions", json=body, headers=self.headers(number))

    async def stream(self, text: str = "hello", number: int = 0, **over: Any) -> str:
        """Ask with streaming; return the text and keep the events."""
        body = {"messages": [{"role": "user", "content": text}], "stream": True} | over
        self.events.clear()
        said = ""
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=30) as http,
            http.stream(
                "POST", "/v1/chat/completions", json=body, headers=self.headers(number)
            ) as response,
        ):
            assert response.status_code == 200, await response.aread()
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    event = json.loads(line.removeprefix("data: "))
                    self.events.append(event)
                    for choice in event.get("choices", ()):
                        said += choice["delta"].get("content") or ""
                elif line == "data: [DONE]":
                    self.events.append({"done": True})
        return said
