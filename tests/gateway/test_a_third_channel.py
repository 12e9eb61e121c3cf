"""A channel that this product does not know is added by one folder, and nothing else."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import konstruct_channels
from konstruct_channels.catalogue import load_specs
from support.far_agent import far_agent
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.waiting import until

pytestmark = pytest.mark.postgres

SPEC = """
from konstruct_channels.spec import ChannelConfig, ChannelSpec, Credentials, Limits


class PigeonConfig(ChannelConfig):
    loft: str


SPEC = ChannelSpec(
    channel_type="Pigeon",
    block="pigeon",
    folder="pigeon",
    title="Pigeon",
    description="Letters.",
    config=PigeonConfig,
    credentials=Credentials.FORBIDDEN,
    secret_keys=(),
    limits=Limits(1000, 100, 1000, 7),
    sends=True,
    api_url="https://loft.example/",
)
"""
INBOUND = """
from konstruct_channels.inbound import Arrived, Delivered
from konstruct_messages.inbound import InboundMessage, Person


def read(webhook, connection, *, now):
    letter = webhook.body.decode()
    message = InboundMessage(
        conversation_key=connection.config["loft"],
        dedupe_keys=(letter,),
        person=Person(key="noah"),
        text=letter,
    )
    return Delivered((Arrived(message),))


def sign(body, credentials, *, now):
    return {}
"""
OUTBOUND = """
from contextlib import asynccontextmanager

LETTERS = []


class Pigeons:
    async def send(self, outgoing, *, config, credentials):
        LETTERS.append((outgoing.conversation_key, outgoing.text))
        return str(len(LETTERS))


@asynccontextmanager
async def open_outbound(api_url):
    yield Pigeons()
"""


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "pigeon"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Letters."""\n')
    for name, text in {"spec": SPEC, "inbound": INBOUND, "outbound": OUTBOUND}.items():
        (folder / f"{name}.py").write_text(text)
    paths = [*konstruct_channels.__path__, str(tmp_path)]
    monkeypatch.setattr(konstruct_channels, "__path__", paths)
    yield
    for name in [one for one in sys.modules if one.startswith("konstruct_channels.pigeon")]:
        del sys.modules[name]


@pytest.mark.usefixtures("pigeon")
async def test_a_channel_that_is_one_folder_receives_and_answers(
    database: Database, tenant: SampleTenant
) -> None:
    assert "Pigeon" in load_specs()
    tenant.over["connections"] = (
        tenant.connection("ark", type="Pigeon", config={"loft": "ararat"}),
    )
    async with running_gateway(database.url("gateway"), poll_seconds=0.05) as running:
        await tenant.register(running.internal_url)
        async with (
            far_agent(running.internal_url, tenant.token),
            httpx.AsyncClient(base_url=running.url, trust_env=False) as client,
        ):
            for _ in range(3):
                answer = await client.post("/hooks/pigeon/acme/ark", content=b"land?")
                assert answer.status_code == 200
            letters = sys.modules["konstruct_channels.pigeon.outbound"].LETTERS
            await until(lambda: letters)
            await asyncio.sleep(0.3)
            assert letters == [("ararat", "You said: land?")]
            assert (await client.post("/hooks/slack/acme/ark", content=b"x")).status_code == 404
