"""One running installation: programs, servers, agents and the folder, put together in order."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import socket
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx

from konstruct_llm.errors import PoolInvalid
from konstruct_llm.pool import DEMO_MODEL, load_pool
from konstruct_local.agents import Agents
from konstruct_local.database import Database, given_or_embedded, prepare_database
from konstruct_local.errors import InvalidResources, UnusableSystem
from konstruct_local.folder import Folder, FolderResources
from konstruct_local.folder_disk import MODELS_FILE
from konstruct_local.folder_state import FolderState
from konstruct_local.home import Home, write_atomically
from konstruct_local.identities import Identities
from konstruct_local.keys import KeyFile, Keys
from konstruct_local.postgres import EmbeddedPostgres
from konstruct_local.programs import Places, Programs, open_programs, run_tenant
from konstruct_local.projection import Projection
from konstruct_local.servers import HttpServer, address_of, base_url, listen
from konstruct_local.settings import DEFAULT_HOME, LocalSettings
from konstruct_local.terminal import Terminal
from konstruct_local.unwinding import push_step
from konstruct_local.watch import Watch
from konstruct_local.words import mark as _
from konstruct_local.world import Surroundings
from konstruct_operator.observed import SealKeys
from konstruct_operator.registry.client import Registry
from konstruct_portal.accounts import ensure_first_admin
from konstruct_registry.seals import public_key_from_text
from konstruct_store import Store

_GRACE_SECONDS = 1.0
# What stopping may take, step by step: five seconds in all, the database's own not counted.
_STEP_SECONDS = 1.2
_PROGRAMS_SECONDS = 1.0


class Installation:
    """Everything between the database and the terminal. Made, started once, served, unwound.

    What is started is pushed on the caller's stack, so that the end is the start backwards: no new
    requests, agents release their turns, programs close, and the database stops last.
    """

    def __init__(
        self,
        *,
        folder: Path,
        settings: LocalSettings,
        home: Home,
        terminal: Terminal,
        listener: socket.socket,
    ) -> None:
        self._settings = settings
        self._home = home
        self._terminal = terminal
        self._listener = listener
        self._folder = Folder(folder)
        self._secrets = Folder(home.secrets)
        self._key_file = KeyFile(home.keys)
        self._keys: Keys | None = None
        self._watch: Watch | None = None
        self._inside = ""

    @property
    def url(self) -> str:
        """The address a person opens, as it was asked for, with the real port."""
        return base_url(self._settings.host, int(self._listener.getsockname()[1]))

    async def read_folder(self) -> None:
        """Read folder and secrets. Raises InvalidResources: a start is all or nothing."""
        self._home.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = await self._folder.read()
        secrets = await self._secrets.read()
        faults = [*state.faults, *secrets.faults]
        if faults:
            raise InvalidResources(faults)

    async def start(self, stack: AsyncExitStack, server: EmbeddedPostgres | None) -> None:
        """Start everything and return when the product answers. Raises LocalError."""
        keys = self._keys = self._key_file.load()
        database = given_or_embedded(self._settings.database_url, server)
        await prepare_database(database, keys.database_passwords)
        inside = listen("127.0.0.1", 0)
        stack.callback(inside.close)
        places = Places(
            public_url=self._settings.public_url.rstrip("/") or self.url,
            internal_url=address_of(inside),
        )
        self._inside = places.internal_url
        agents = Agents(lambda tenant, token, stop: run_tenant(places, tenant, token, stop))
        registry = Registry(_registry_client(places.internal_url, keys.registry_token))
        projection = self._projection(keys, registry, agents, places)
        watch = self._watch = Watch(
            folder=self._folder,
            secrets=self._secrets,
            projection=projection,
            registry=registry,
            terminal=self._terminal,
        )
        resources = FolderResources(
            self._folder,
            secrets=self._secrets,
            statuses=projection.statuses,
            changed=watch.something_changed,
        )
        programs = await self._open_programs(stack, keys, database, places, resources)
        internal = HttpServer(programs.internal, inside, grace=_GRACE_SECONDS)
        await internal.start()
        push_step(stack, "internal server", internal.stop, seconds=_STEP_SECONDS)
        push_step(stack, "registry", registry.close, seconds=_STEP_SECONDS)
        push_step(stack, "agents", agents.stop, seconds=_STEP_SECONDS)
        await asyncio.gather(watch.begin(), self._make_first_login(keys, database))
        public = HttpServer(programs.public, self._listener, grace=_GRACE_SECONDS)
        await public.start()
        push_step(stack, "public server", public.stop, seconds=_STEP_SECONDS)
        push_step(stack, "goodbye", programs.say_goodbye, seconds=_STEP_SECONDS)

    async def serve(self, stopping: asyncio.Event) -> None:
        """Say that all is ready, and follow the folder until `stopping` is set."""
        self._announce()
        try:
            if self._watch is not None:
                await self._watch.run(stopping)
        finally:
            self._home.address.unlink(missing_ok=True)

    def _projection(
        self, keys: Keys, registry: Registry, agents: Agents, places: Places
    ) -> Projection:
        identities = Identities(self._home.identities)
        return Projection(
            folder=self._folder,
            secrets=self._secrets,
            registry=registry,
            agents=agents,
            key_file=self._key_file,
            keys=keys,
            identities=identities,
            around=Surroundings(
                seal_keys=SealKeys(
                    gateway=public_key_from_text(keys.gateway_seal_public_key),
                    llm=public_key_from_text(keys.llm_seal_public_key),
                ),
                digest_key=base64.b64decode(keys.digest_key),
                public_url=places.public_url,
                uid_of=identities.uid,
            ),
            clock=lambda: datetime.now(UTC),
        )

    async def _open_programs(
        self,
        stack: AsyncExitStack,
        keys: Keys,
        database: Database,
        places: Places,
        resources: FolderResources,
    ) -> Programs:
        opened = AsyncExitStack()
        push_step(stack, "programs", opened.aclose, seconds=_PROGRAMS_SECONDS)
        try:
            return await opened.enter_async_context(
                open_programs(
                    settings=self._settings,
                    keys=keys,
                    database=database,
                    places=places,
                    models_file=self._models_file(),
                    media_url=self._home.media_url,
                    resources=resources,
                )
            )
        except PoolInvalid as error:
            raise UnusableSystem(_("The model pool is refused: {reason}"), reason=error) from error

    def _models_file(self) -> Path | None:
        """Return the model pool: the installation's own, else the one beside the resources."""
        candidates = (self._home.models, self._folder.root / MODELS_FILE)
        return next((path for path in candidates if path.is_file()), None)

    @staticmethod
    async def _make_first_login(keys: Keys, database: Database) -> None:
        store = await Store.connect(database.url("portal", keys.database_passwords["portal"]))
        try:
            await ensure_first_admin(store, keys.first_email, keys.first_password)
        finally:
            await store.close()

    def _announce(self) -> None:
        say, keys = self._terminal.say, self._keys
        inside = self._inside
        document = json.dumps({"url": self.url, "internal": inside, "process": os.getpid()})
        write_atomically(self._home.address, document + "\n", mode=0o600)
        self._terminal.show(f"Konstruct is ready: {self.url}")
        if keys is not None:
            say(
                _("Log in as {email} with the password {password}"),
                email=keys.first_email,
                password=keys.first_password,
            )
        self._announce_model()
        command = self._chat_command()
        if command:
            say(_("Or chat in another terminal: {command}"), command=command)
        say(_("Edit the files in {folder}: changes take effect at once."), folder=self._folder.root)
        say(_("Ctrl-C stops. The log is {log}."), log=self._home.log)

    def _announce_model(self) -> None:
        model = load_pool(self._models_file(), os.environ).default("Chat")
        if model is not None and model.model == DEMO_MODEL:
            self._terminal.say(
                _(
                    "The built-in demo model answers. For a real one put OPENAI_API_KEY or"
                    " ANTHROPIC_API_KEY into {file}."
                ),
                file=self._home.path / ".env",
            )
        elif model is not None:
            self._terminal.say(_("The model {model} answers."), model=model.model)

    def _chat_command(self) -> str:
        """Return a command that works as it stands in the directory this one was started in."""
        address = _first_web_chat(self._folder.state)
        known = str(self._home.path) == DEFAULT_HOME
        place = "" if known else f" --url {self.url}"
        return f'{_program()} chat {address} "hello"{place}' if address else ""


def _first_web_chat(state: FolderState) -> str:
    """Return TENANT/CONNECTION of the first web chat that lets visitors in, or nothing.

    The first is the first in the order of the files, which is their author's.
    """
    tenants = {
        str((one.content.get("spec") or {}).get("namespace") or f"tenant-{one.name}"): one.name
        for one in state.of_kind("Tenant")
    }
    for connection in state.documents.values():
        spec = connection.content.get("spec") or {}
        visitors = (spec.get("webChat") or {}).get("visitors")
        if connection.kind == "ChannelConnection" and visitors == "Allowed":
            tenant = tenants.get(connection.namespace)
            if tenant is not None:
                return f"{tenant}/{connection.name}"
    return ""


def _program() -> str:
    """Return how this command is called from here: by its name, or by its path."""
    own, found = Path(sys.argv[0]), shutil.which("konstruct")
    if own.name != "konstruct" or not own.exists() or (found and own.samefile(found)):
        return "konstruct"
    with contextlib.suppress(ValueError):
        return str(own.absolute().relative_to(Path.cwd()))
    return str(own)


def _registry_client(url: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
