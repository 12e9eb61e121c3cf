"""The embedded mode's projection over a folder on the disk and a registry that is not there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from konstruct_local.agents import Agents
from konstruct_local.folder import Folder
from konstruct_local.identities import Identities
from konstruct_local.keys import KeyFile
from konstruct_local.projection import Projection
from konstruct_local.world import Surroundings
from konstruct_operator.observed import SealKeys
from konstruct_operator.registry.client import Registry
from konstruct_registry.seals import public_key_from_text
from support.far_registry import TOKEN, FarRegistry, RefusedRequest
from support.folders import write_samples

TENANT_ID = UUID("5a3c1f0e-8d2b-4c6f-9a17-3e5b7c9d1f20")


class Bench:
    """One installation without servers; the clock goes on a second with each look."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "samples"
        self.home = directory / "home"
        self.far = FarRegistry()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.running: dict[UUID, str] = {}
        self.key_file = KeyFile(self.home / "keys.json")
        self.key_file.load()
        (self.home / "secrets").mkdir()
        if not self.root.exists():
            self.root.mkdir()
            write_samples(self.root)
        self.restart(self.root)

    def restart(self, root: Path) -> None:
        """Begin anew from what lies on the disk, as a new process does."""
        self.keys = self.key_file.load()
        self.folder = Folder(root)
        self.secrets = Folder(self.home / "secrets")
        self.registry = Registry(
            httpx.AsyncClient(
                base_url="http://gateway",
                headers={"Authorization": f"Bearer {TOKEN}"},
                transport=httpx.MockTransport(self._answer),
            )
        )
        self.agents = Agents(self._run)
        identities = Identities(self.home / "identities.json")
        self.projection = Projection(
            folder=self.folder,
            secrets=self.secrets,
            registry=self.registry,
            agents=self.agents,
            key_file=self.key_file,
            keys=self.keys,
            identities=identities,
            around=Surroundings(
                seal_keys=SealKeys(
                    gateway=public_key_from_text(self.keys.gateway_seal_public_key),
                    llm=public_key_from_text(self.keys.llm_seal_public_key),
                ),
                digest_key=b"digest",
                public_url="http://127.0.0.1:8080",
                uid_of=identities.uid,
            ),
            clock=self._tick,
        )

    async def begin(self) -> list[str]:
        """Look for the first time."""
        await self.registry.refresh()
        return await self._look(may_erase=False)

    async def look(self) -> list[str]:
        """Look at the folder and bring everything in line."""
        return await self._look(may_erase=True)

    def condition(self, kind: str, name: str, about: str) -> dict[str, Any]:
        """Return one condition of a declared object."""
        (status,) = (
            status
            for key, status in self.projection.statuses().items()
            if (key[0], key[2]) == (kind, name)
        )
        (found,) = (one for one in status["conditions"] if one["type"] == about)
        return dict(found)

    def snapshot(self) -> Any:
        """Return the tenant as the registry has it."""
        return self.far.snapshot(str(TENANT_ID))

    async def _look(self, *, may_erase: bool) -> list[str]:
        statuses = self.projection.statuses()
        await self.folder.read(statuses)
        await self.secrets.read(statuses)
        return await self.projection.apply(may_erase=may_erase)

    async def _run(self, tenant_id: UUID, token: str, stop: Any) -> None:
        self.running[tenant_id] = token
        await stop.wait()
        del self.running[tenant_id]

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.path
        try:
            status, document = self.far.answer(request.method, path, dict(request.url.params), body)
        except RefusedRequest as refusal:
            status = refusal.status
            document = {"reason": refusal.reason, "message": str(refusal)}
        self.far.ledger.append((request.method, path, status))
        return httpx.Response(status, json=document)
