"""A file that an agent makes reaches the person once, behind the answer, and nobody else."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.far_agent import FarAgentTurn, far_agent
from support.far_slack import SCOPES, FarSlack, Workspace, mention
from support.far_troubles import Trouble
from support.files import kept, sha256
from support.gateways import RunningGateway, SampleTenant
from support.postgres import Database
from support.slack_house import slack_house
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres

CSV = "order,total\n1,2\n"
THREAD = "1767225700.000100"


async def make(given: FarAgentTurn, name: str = "orders.csv", text: str = CSV) -> dict[str, Any]:
    answer = await given.work.make_file(given.turn, name, text)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def give_orders(given: FarAgentTurn) -> None:
    answer = await given.work.give(given.turn, "Here are the orders.", await make(given))
    assert answer.status_code == 200, answer.text


async def test_web_chat_shows_the_file_with_the_reply(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path
) -> None:
    async with (
        far_agent(keeping.internal_url, tenant.token, give_orders) as agent,
        visiting(keeping.url, "acme/website") as visitor,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await visitor.ask("orders?")
        reply = next(frame for _, frame in visitor.frames if frame["type"] == "reply")
        [file] = reply["attachments"]
        assert (file["name"], file["mediaType"], file["sizeBytes"]) == (
            "orders.csv",
            "text/csv",
            16,
        )
        answer = await client.get(f"{keeping.url}{file['url']}")
        assert answer.text == CSV
        assert answer.headers["etag"] == f'"{sha256(CSV.encode())}"'
        # No browser opens what an agent made as a page.
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        await visitor.ask("thanks")
    # The next turn knows that the file was given.
    [line] = [one for one in agent.turns[1].window if one.attachments]
    assert [one.name for one in line.attachments] == ["orders.csv"]
    assert len(kept(folder)) == 2


async def test_the_same_file_of_the_same_step_is_kept_once(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path
) -> None:
    async def twice(given: FarAgentTurn) -> None:
        one, again = await make(given), await make(given)
        assert one == again
        await given.work.give(given.turn, "Here.", again)

    async with (
        far_agent(keeping.internal_url, tenant.token, twice),
        visiting(keeping.url, "acme/website") as visitor,
    ):
        await visitor.ask("orders?")
    assert len(kept(folder)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.exe", "x"), ("csv", "x"), (".csv", "x"), ("a.csv", "a\x00"), ("a.csv", "")],
)
async def test_what_no_agent_may_make_is_refused(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path, name: str, text: str
) -> None:
    async def script(given: FarAgentTurn) -> str:
        answer = await given.work.make_file(given.turn, name, text)
        return str(answer.status_code)

    async with (
        far_agent(keeping.internal_url, tenant.token, script),
        visiting(keeping.url, "acme/website") as visitor,
    ):
        assert (await visitor.ask("x"))["text"] == "422"
    assert kept(folder) == []


async def test_a_turn_makes_ten_files_and_no_more(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path
) -> None:
    async def script(given: FarAgentTurn) -> str:
        answers = [
            await given.work.make_file(given.turn, f"{number}.txt", "x") for number in range(11)
        ]
        return " ".join(str(one.status_code) for one in answers[-2:])

    async with (
        far_agent(keeping.internal_url, tenant.token, script),
        visiting(keeping.url, "acme/website") as visitor,
    ):
        assert (await visitor.ask("x"))["text"] == "200 422"
    assert len(kept(folder)) == 10


async def test_another_turns_file_or_a_persons_cannot_be_given(
    keeping: RunningGateway, tenant: SampleTenant
) -> None:
    earlier: list[dict[str, Any]] = []

    async def script(given: FarAgentTurn) -> str:
        if not earlier:
            earlier.append(await make(given))
            return "made"
        answers = [
            await given.work.give(given.turn, "Here.", *files)
            for files in (earlier, [{"key": "no id"}], [{"key": str(given.turn.turn_id)}])
        ]
        return " ".join(str(one.status_code) for one in answers)

    async with (
        far_agent(keeping.internal_url, tenant.token, script),
        visiting(keeping.url, "acme/website") as visitor,
    ):
        assert (await visitor.ask("one"))["text"] == "made"
        assert (await visitor.ask("two"))["text"] == "422 422 422"


async def test_an_attempt_that_lost_its_turn_makes_nothing(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path
) -> None:
    seen: list[int] = []

    async def script(given: FarAgentTurn) -> str:
        late = given.turn.model_copy(update={"attempt": given.turn.attempt + 1})
        seen.append((await given.work.make_file(late, "a.csv", CSV)).status_code)
        return "done"

    async with (
        far_agent(keeping.internal_url, tenant.token, script),
        visiting(keeping.url, "acme/website") as visitor,
    ):
        await visitor.ask("x")
    assert seen == [409]
    assert kept(folder) == []


async def test_slack_shows_the_file_behind_the_text_and_once(
    database: Database, tenant: SampleTenant, folder: Path
) -> None:
    far = FarSlack(seconds_per_message=0.0)
    far.troubles["files.completeUploadExternal"].append(Trouble.DROP_ANSWER)
    async with slack_house(
        database, tenant, script=give_orders, far=far, media_url=f"file://{folder}"
    ) as house:
        for one in mention("orders?", ts=THREAD):
            assert await house.caller.deliver(one, f"Ev-{one['type']}")
        rows = "SELECT state, part FROM konstruct.deliveries ORDER BY part"
        await until(lambda: len(far.ledger) == 2)
        wanted = [("Sent", 0), ("Sent", 100)]
        async with asyncio.timeout(30):
            while [tuple(one) for one in await house.rows(rows)] != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert far.texts == ["Here are the orders.", "[file orders.csv]"]
    text, file = far.ledger
    assert file.thread_ts == text.thread_ts == THREAD
    # People are asked what they think below the words, not below the file.
    assert [one["type"] for one in text.buttons] == ["feedback_buttons"]
    [uploaded] = far.files.files.values()
    assert uploaded.data == CSV.encode()


async def test_where_slack_takes_no_files_people_get_a_link_that_works(
    database: Database, tenant: SampleTenant, folder: Path
) -> None:
    scopes = SCOPES.replace("files:write,", "")
    far = FarSlack(seconds_per_message=0.0, workspaces=[Workspace(scopes=scopes)])
    async with slack_house(
        database, tenant, script=give_orders, far=far, media_url=f"file://{folder}"
    ) as house:
        for one in mention("orders?", ts=THREAD):
            assert await house.caller.deliver(one, f"Ev-{one['type']}")
        texts = await house.settled(2)
        words, _, address = texts[1].partition("https://chat.example.com")
        assert words.strip(" <") == "The file orders.csv is here until tomorrow:"
        async with httpx.AsyncClient(trust_env=False) as client:
            path = address.rstrip(">").replace("&amp;", "&")
            assert (await client.get(f"{house.gateway.url}{path}")).text == CSV
        assert (await house.reports())["team", "Authenticated"] == "FilesBecomeLinks"
