"""`docs/whatsapp.md` as it is written: its values, its handshake, its checks and a first answer."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from konstruct_channels.catalogue import load_specs
from konstruct_channels.checks import checks_of
from konstruct_channels.presentation import read_setup
from konstruct_channels.whatsapp.checks import NEEDED_SCOPES
from konstruct_channels.whatsapp.outbound import VERSION
from konstruct_crds import validate
from support.doctor import examined, reach, verdicts
from support.far_graph import FarGraph
from support.far_graph_account import webhook_of
from support.gateways import SampleTenant
from support.graph_house import graph_house
from support.postgres import Database
from support.whatsapp_events import VERIFY_TOKEN

_MANUAL = (Path(__file__).parents[2] / "docs" / "whatsapp.md").read_text("utf-8")
_PUBLIC = "https://konstruct.example.com"
_HOOK = f"{_PUBLIC}/hooks/whatsapp/acme/phone"
SPEC = load_specs()["WhatsApp"]


def block(language: str) -> str:
    """The manual's first block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", _MANUAL, re.DOTALL)
    assert found
    return found[1]


def named_in_table(head: str) -> list[str]:
    """What a table's first column names in code, below the row that begins with `head`."""
    rows = _MANUAL[_MANUAL.index(f"| {head} |") :].split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_the_declared_connection_is_one_that_the_api_takes() -> None:
    connection: dict[str, Any] = yaml.safe_load(block("yaml"))
    assert validate(connection) == []
    assert connection["spec"]["type"] == SPEC.channel_type
    assert "kubectl create secret generic whatsapp " in block("console")
    assert connection["spec"]["credentialsSecretRef"]["name"] == "whatsapp"


def test_the_secrets_keys_are_those_that_the_channel_reads() -> None:
    wanted = [one.key for one in SPEC.secret_keys]
    assert re.findall(r"--from-literal=(\w+)=", block("console")) == wanted
    for language in ("en", "es", "pt"):
        setup = read_setup(SPEC, language)
        assert re.findall(r"--from-literal=(\w+)=", setup) == wanted
        assert all(scope in setup for scope in NEEDED_SCOPES)
        assert f"/{VERSION}/" in setup
    assert f"/{VERSION}/" in _MANUAL


def test_every_permission_and_every_check_is_explained() -> None:
    assert named_in_table("permission | why") == list(NEEDED_SCOPES)
    checks = checks_of(SPEC, secret=True, vendor=True, webhook=True, own_address=True)
    assert named_in_table("check | what it looks at") == [one.name for one in checks]


@pytest.mark.postgres
@pytest.mark.sockets
async def test_the_manual_leads_to_a_first_answer(database: Database, tenant: SampleTenant) -> None:
    far = FarGraph()
    far.account.webhook = webhook_of(_HOOK)
    async with graph_house(database, tenant, far=far, public_url=_PUBLIC) as house:
        reach(house.gateway, house.gateway.url)
        asked = re.search(r'curl "([^"]+hub\.challenge=(\d+))"', _MANUAL)
        assert asked
        url = (
            asked[1]
            .replace(_PUBLIC, house.gateway.url)
            .replace("token=...", f"token={VERIFY_TOKEN}")
        )
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(url)
        assert (answer.status_code, answer.text) == (200, asked[2])

        found = verdicts(await examined(house.gateway, "acme/phone"))
        assert found.pop("deliveries") == "unknown"
        assert {found.pop("lastIn"), found.pop("lastOut")} == {"unknown"}
        assert set(found.values()) == {"ok"}
        assert house.far.ledger == []

        await house.say("hello")
        await house.until_row("SELECT state FROM konstruct.deliveries", state="Sent")
        assert house.far.texts == ["You said: hello"]
        await house.until_row(
            "SELECT status FROM konstruct.registry_reports WHERE condition = 'Receiving'",
            status="True",
        )
        found = verdicts(await examined(house.gateway, "acme/phone"))
        assert set(found.values()) == {"ok"}


@pytest.mark.postgres
@pytest.mark.sockets
async def test_a_verify_token_that_the_gateway_does_not_know_shows_in_the_round_trip(
    database: Database, tenant: SampleTenant
) -> None:
    """Another installation answers at the public address: it has other secrets."""
    async with graph_house(database, tenant, public_url=_PUBLIC) as house:
        reach(house.gateway, f"{house.gateway.url}/elsewhere")
        found = await examined(house.gateway, "acme/phone")
        trip = next(one for one in found["findings"] if one["check"] == "roundTrip")
        assert trip["verdict"] == "failed"
        assert "handshake" in trip["message"]
