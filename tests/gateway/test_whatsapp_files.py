"""Files over WhatsApp: people's are fetched by their five-minute address, an agent's are sent."""

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from support.far_agent import FarAgentTurn
from support.far_graph import FarGraph
from support.far_troubles import Trouble
from support.files import PNG
from support.gateways import SampleTenant
from support.graph_house import GraphHouse, graph_house
from support.postgres import Database
from support.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.sockets]

MEDIA = "SELECT state, reason, media_type, size FROM konstruct.media"


def keeping(folder: Path) -> dict[str, Any]:
    return {"media_url": f"file://{folder}"}


async def show(house: GraphHouse, media_id: str) -> None:
    """Let a person send an image."""
    image = {"id": media_id, "mime_type": "image/png", "sha256": "x", "caption": "look"}
    await house.deliver(house.caller.events.message({"type": "image", "image": image}))


async def test_an_image_is_fetched_with_the_bearer_and_its_checksum(
    database: Database, tenant: SampleTenant, tmp_path: Path
) -> None:
    async with graph_house(database, tenant, **keeping(tmp_path)) as house:
        await show(house, house.far.files.keep(PNG, "image/png"))
        await until(lambda: house.far.texts == ["You said: look"])
        row = await house.until_row(MEDIA, state="Stored")
        assert house.agent.turns[0].messages[0].attachments
    assert (row["media_type"], row["size"]) == ("image/png", len(PNG))


async def test_an_address_that_has_expired_is_asked_for_again(
    database: Database, tenant: SampleTenant, tmp_path: Path
) -> None:
    far = FarGraph()
    far.files.address_seconds = -1.0
    async with graph_house(database, tenant, far=far, **keeping(tmp_path)) as house:
        await show(house, far.files.keep(PNG, "image/png"))
        await until(lambda: ("files", 404) in far.calls)
        far.files.address_seconds = 300.0
        await house.until_row(MEDIA, state="Stored")


@pytest.mark.parametrize(
    ("said", "spoiled", "reason"),
    [
        ("0" * 64, None, "ChecksumWrong"),
        ("", ("bytes", PNG + b"more"), "ChecksumWrong"),
        ("", ("redirect", b"http://10.0.0.1/"), "host_not_allowed"),
    ],
)
async def test_what_is_not_the_file_is_refused_and_the_turn_goes_on(
    database: Database,
    tenant: SampleTenant,
    tmp_path: Path,
    said: str,
    spoiled: tuple[str, bytes] | None,
    reason: str,
) -> None:
    async with graph_house(database, tenant, **keeping(tmp_path)) as house:
        media_id = house.far.files.keep(PNG, "image/png", sha256=said)
        if spoiled is not None:
            house.far.files.spoiled[media_id] = spoiled
        await show(house, media_id)
        row = await house.until_row(MEDIA, state="Failed")
        await until(lambda: house.far.texts == ["You said: look"])
    assert row["reason"] == reason


async def test_an_agents_file_goes_out_as_a_document_behind_its_text(
    database: Database, tenant: SampleTenant, tmp_path: Path
) -> None:
    far = FarGraph()
    far.troubles["media"] = deque([Trouble.DROP_ANSWER])

    async def make(given: FarAgentTurn) -> None:
        answer = await given.work.make_file(given.turn, "prices.csv", "a,b\n1,2\n")
        answer.raise_for_status()
        (await given.work.give(given.turn, "Here they are", answer.json())).raise_for_status()

    async with graph_house(database, tenant, script=make, far=far, **keeping(tmp_path)) as house:
        await house.say("prices?")
        await until(lambda: len(far.ledger) == 2)
    text, file = far.ledger
    assert (text.kind, text.text) == ("text", "Here they are")
    assert file.kind == "document"
    assert file.body["document"]["filename"] == "prices.csv"
    assert far.files.kept[file.body["document"]["id"]].data == b"a,b\n1,2\n"
