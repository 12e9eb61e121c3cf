"""The product as real processes on this machine: Postgres, gateway, llm, agents, portal.

Each program is started with exactly the environment that the chart or the operator would give it,
waits for its `/readyz`, and writes its log beside the others. Nothing outlives the stack.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import secrets
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from nacl.public import PrivateKey

from konstruct_local.postgres import EmbeddedPostgres
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_registry.wire import Push, SessionOpened
from support.postgres import PASSWORD, TEMPLATE, owned_postgres

_READY_SECONDS = 60.0
_COMMON: Final = {"MALLOC_ARENA_MAX": "2"}
"""What the chart gives to each of its programs."""


class ProgramDied(AssertionError):
    """A program ended or never became ready; the message ends with its log."""


@dataclass
class Program:
    """One running process."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    url: str = ""

    async def stop(self) -> int:
        """Ask it to end (SIGTERM), wait at most ten seconds, return its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                await self.kill()
        return self.process.returncode or 0

    async def kill(self) -> None:
        """End it without warning."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Stack:
    """Processes, and the keys they share."""

    directory: Path
    postgres: EmbeddedPostgres
    chat_key: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode()
    )
    registry_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    replica_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    gateway_seal: PrivateKey = field(default_factory=PrivateKey.generate)
    llm_seal: PrivateKey = field(default_factory=PrivateKey.generate)
    programs: list[Program] = field(default_factory=list)
    gateway_url: str = ""
    gateway_internal_url: str = ""
    llm_url: str = ""
    _session: int = 0
    _sequence: int = 0

    def database_url(self, program: str) -> str:
        """Return the URL a program logs in with."""
        return self.postgres.url(
            TEMPLATE,
            user=f"konstruct_{program}_login",
            password=PASSWORD,
        )

    async def start_gateway(
        self,
        *,
        public_port: int = 0,
        internal_port: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Start one gateway replica and wait until it answers; `environment` changes settings."""
        public, internal = public_port or free_port(), internal_port or free_port()
        self.gateway_url = f"http://127.0.0.1:{public}"
        self.gateway_internal_url = f"http://127.0.0.1:{internal}"
        settings = {
            **_COMMON,
            "KONSTRUCT_DATABASE_URL": self.database_url("gateway"),
            "KONSTRUCT_PUBLIC_URL": self.gateway_url,
            "KONSTRUCT_CHAT_KEY": self.chat_key,
            "KONSTRUCT_REGISTRY_TOKEN": self.registry_token,
            "KONSTRUCT_REPLICA_TOKEN": self.replica_token,
            "KONSTRUCT_REPLICA_URL": self.gateway_internal_url,
            "KONSTRUCT_SEAL_PRIVATE_KEYS": encode_key(self.gateway_seal),
            "KONSTRUCT_HOST": "127.0.0.1",
            "KONSTRUCT_PORT": str(public),
            "KONSTRUCT_INTERNAL_PORT": str(internal),
            **(environment or {}),
        }
        program = await self.start("gateway", "konstruct_gateway", settings)
        program.url = self.gateway_url
        await self.until_ready(program, f"{self.gateway_internal_url}/readyz")
        return program

    async def start_llm(self, environment: Mapping[str, str] | None = None) -> Program:
        """Start the model service; `environment` adds the models file and provider keys."""
        port = int((environment or {}).get("KONSTRUCT_PORT") or free_port())
        self.llm_url = f"http://127.0.0.1:{port}"
        program = await self.start(
            "llm",
            "konstruct_llm",
            {
                **_COMMON,
                "KONSTRUCT_DATABASE_URL": self.database_url("llm"),
                "KONSTRUCT_SEAL_PRIVATE_KEYS": encode_key(self.llm_seal),
                "KONSTRUCT_HOST": "127.0.0.1",
                "KONSTRUCT_PORT": str(port),
                **(environment or {}),
            },
        )
        program.url = self.llm_url
        await self.until_ready(program, f"{self.llm_url}/readyz")
        return program

    async def start_llm_with(
        self,
        api_base: str,
        key: str,
        *,
        client: str = "Direct",
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Start the model service with one model, `far`, of whoever speaks OpenAI's API there."""
        models = self.directory / "models.yaml"
        models.write_text(
            f"models:\n- name: far\n  model: openai/far\n  client: {client}\n"
            f"  apiBase: {api_base}\n  apiKeyEnv: FAR_KEY\n  contextTokens: 128000\n"
        )
        pool = {"KONSTRUCT_MODELS_FILE": str(models), "FAR_KEY": key}
        return await self.start_llm(pool | dict(environment or {}))

    async def start_agent(self, tenant_id: uuid.UUID, work_token: str, *, pod: str) -> Program:
        """Start a tenant's pod with exactly the Deployment's environment."""
        return await self.start_agent_with(
            {
                "KONSTRUCT_GATEWAY_URL": self.gateway_internal_url,
                "KONSTRUCT_LLM_URL": self.llm_url,
                "KONSTRUCT_TENANT_ID": str(tenant_id),
                "KONSTRUCT_WORK_TOKEN": work_token,
                "KONSTRUCT_POD_NAME": pod,
            }
        )

    async def start_agent_with(self, environment: Mapping[str, str]) -> Program:
        """Start an agent process with this environment and no other settings of ours."""
        return await self.start("agent", "konstruct_agent", environment)

    async def start(self, name: str, module: str, environment: Mapping[str, str]) -> Program:
        """Start `python -m module` with only `environment` and what a process cannot lack."""
        log = self.directory / f"{name}-{len(self.programs)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                env={**_bare_environment(), **environment},
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                stdin=asyncio.subprocess.DEVNULL,
            )
        return self.adopt(name, process, log)

    def adopt(self, name: str, process: asyncio.subprocess.Process, log: Path) -> Program:
        """Take charge of a process started elsewhere: it ends with the stack."""
        program = Program(name=name, process=process, log=log)
        self.programs.append(program)
        return program

    async def until_ready(self, program: Program, url: str) -> None:
        """Wait until `url` answers 200; raises ProgramDied with the log's end."""
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while asyncio.get_running_loop().time() < deadline:
                if program.process.returncode is not None:
                    break
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(url)).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise ProgramDied(f"{program.name} did not become ready:\n{program.tail()}")

    async def push(self, snapshot: TenantSnapshot) -> None:
        """Write a tenant into the registry, as the operator would."""
        headers = {"Authorization": f"Bearer {self.registry_token}"}
        base = f"{self.gateway_internal_url}/internal/registry"
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            if not self._session:
                answer = await client.post(f"{base}/sessions")
                answer.raise_for_status()
                self._session = SessionOpened.model_validate(answer.json()).session
            self._sequence += 1
            push = Push(
                session=self._session,
                sequence=self._sequence,
                digest=snapshot.digest(),
                snapshot=snapshot,
            )
            answer = await client.put(
                f"{base}/tenants/{snapshot.tenant_id}",
                content=push.model_dump_json(by_alias=True),
                headers={"Content-Type": "application/json"},
            )
            answer.raise_for_status()

    async def stop(self) -> None:
        """Stop every program, the youngest first."""
        for program in reversed(self.programs):
            await program.stop()


@asynccontextmanager
async def running_stack(directory: Path) -> AsyncIterator[Stack]:
    """Start Postgres with the schema and the programs' log-ins; stop everything at the end."""
    async with owned_postgres() as postgres:
        stack = Stack(directory=directory, postgres=postgres)
        try:
            yield stack
        finally:
            await stack.stop()


def work_token(tenant_id: uuid.UUID) -> tuple[str, str]:
    """Return a new work token and the hash that the registry carries."""
    token = f"kw_{tenant_id}_{secrets.token_urlsafe(32)}"
    return token, hashlib.sha256(token.encode()).hexdigest()


def encode_bytes(data: bytes) -> str:
    """Return bytes as the settings carry them."""
    return base64.b64encode(data).decode()


def encode_key(key: PrivateKey) -> str:
    """Return a private key as the settings carry it."""
    return encode_bytes(bytes(key))


def encode_public_key(key: PrivateKey) -> str:
    """Return the public half of a key as the settings carry it."""
    return encode_bytes(bytes(key.public_key))


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bare_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ}
