"""The whole product in one process: answers, follows its folder, stops cleanly, loses nothing."""

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import ConnectionClosed

from konstruct_local.keys import KeyFile
from konstruct_local.postgres import EmbeddedPostgres
from konstruct_store.store import Store
from support.embedded import Run, Site, site
from support.far_model import Answer, FarModel, Hang
from support.folders import AGENT, TENANT
from support.visitor import visiting
from support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

ADDRESS = "acme/website"
SLACK = """
apiVersion: konstruct.dev/v1alpha1
kind: ChannelConnection
metadata: {name: team, namespace: tenant-acme}
spec:
  type: Slack
  agentRef: {name: ana}
  credentialsSecretRef: {name: slack}
  slack: {appId: A0KONSTRUCT, teamId: T0ACME}
"""


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site() as made:
        yield made


@pytest.fixture
async def running(here: Site) -> AsyncIterator[Run]:
    run = await here.up()
    yield run
    if run.process.returncode is None:
        await run.interrupt()


async def test_the_start_ends_with_where_to_go(here: Site, running: Run) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", running.url)
    login = await running.until_said("Log in as")
    chat = await running.until_said('chat acme/website "hello"')
    await running.until_said("Ctrl-C")
    order = [running.lines.index(line) for line in (login, chat)]
    assert [f"Konstruct is ready: {running.url}"] == running.lines[: order[0]]
    assert (here.home / "keys.json").stat().st_mode & 0o777 == 0o600


async def test_the_chat_command_answers_and_remembers(here: Site, running: Run) -> None:
    code, said = await here.konstruct("chat", ADDRESS, "My name is Juan")
    assert (code, "Juan" in said) == (0, True), said
    code, said = await here.konstruct("chat", ADDRESS, "What is my name?")
    assert (code, "Juan" in said) == (0, True), said
    code, said = await here.konstruct("chat", ADDRESS, "What is my name?", "--new")
    assert (code, "Juan" in said) == (0, False), said
    memory = next((here.home / "chats").rglob("*.json"))
    assert memory.stat().st_mode & 0o777 == 0o600


async def test_the_doctor_says_what_waits_to_be_sent(here: Site, running: Run) -> None:
    code, said = await here.konstruct("doctor")
    assert (code, "0 wait to be sent" in said) == (0, True), said
    assert "apology" not in said


async def test_the_doctor_looks_at_the_connections_that_run_here(here: Site, running: Run) -> None:
    code, said = await here.konstruct("doctor", ADDRESS, "--json")
    assert code == 0, said
    [connection] = json.loads(said)["connections"]
    verdicts = {one["check"]: one["verdict"] for one in connection["findings"]}
    assert verdicts == {"origins": "ok", "widget": "ok", "keys": "ok", "lastIn": "unknown"}
    code, said = await here.konstruct("doctor", "acme/nowhere")
    assert (code, "There is no connection acme/nowhere." in said) == (1, True), said

    # Slack without a Secret: there is nothing to ask the vendor with, and nobody is asked.
    (here.folder / "slack.yaml").write_text(SLACK)
    await running.until_said("acme: the change is in effect", seconds=60)
    inside = json.loads((here.home / "address.json").read_text())["internal"]
    code, said = await here.konstruct("doctor", "acme", "--url", inside)
    assert (code, "KONSTRUCT_REGISTRY_TOKEN" in said) == (1, True), said
    keys = KeyFile(here.home / "keys.json").load()
    given = {"KONSTRUCT_REGISTRY_TOKEN": keys.registry_token}
    code, said = await here.konstruct("doctor", "acme", "--url", inside, **given)
    assert code == 1, said
    assert "acme/website  WebChat\n  ok  " in said
    assert "acme/team  Slack\n  XX  Secret: No credentials have come to the gateway." in said
    assert "      -> Make the Secret that credentialsSecretRef names" in said
    assert "\x1b" not in said


async def test_whom_nobody_knows_cannot_be_talked_to(here: Site, running: Run) -> None:
    code, said = await here.konstruct("chat", "acme/nowhere", "hello")
    assert code == 1
    assert "no web chat called acme/nowhere" in said
    assert "Traceback" not in said


async def test_an_edit_changes_the_running_agent(here: Site, running: Run) -> None:
    async with visiting(running.url, ADDRESS) as visitor:
        assert "Ana" in (await visitor.ask("hello"))["text"]
        edited = AGENT.replace("displayName: Ana", "displayName: Ada")
        (here.folder / "agent.yaml").write_text(edited)
        await running.until_said("acme: the change is in effect")
        reply = await visitor.ask("hello")
        assert "Ada" in json.dumps(reply)


async def test_an_invalid_edit_is_refused_in_words_and_the_old_state_stays(
    here: Site, running: Run
) -> None:
    broken = AGENT.replace("displayName: Ana", "displayName: 7")
    line = broken[: broken.index("displayName")].count("\n") + 1
    (here.folder / "agent.yaml").write_text(broken)
    said = await running.until_said(f"samples/agent.yaml:{line}: spec.displayName: ")
    assert said.removesuffix("spec.displayName: ") != said or len(said) > 40
    await running.until_said("The edit is refused")
    async with visiting(running.url, ADDRESS) as visitor:
        assert "Ana" in (await visitor.ask("hello"))["text"]
    (here.folder / "agent.yaml").write_text(AGENT)
    await running.until_said("All files are valid again")


async def test_a_tenant_whose_file_is_gone_is_gone(here: Site, running: Run) -> None:
    (here.folder / "tenant.yaml").unlink()
    await running.until_said("acme: the change is in effect")
    code, said = await here.konstruct("chat", ADDRESS, "hello")
    assert code == 1, said
    (here.folder / "tenant.yaml").write_text(TENANT)
    await running.until_said("acme: the change is in effect", count=2)
    code, said = await here.konstruct("chat", ADDRESS, "hello")
    assert code == 0, said


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything_within_five_seconds(
    here: Site, sign: signal.Signals
) -> None:
    run = await here.up()
    code, seconds = -1, 0.0
    with contextlib.suppress(ConnectionClosed):  # the open socket is told to move
        async with visiting(run.url, ADDRESS) as visitor:
            await visitor.ask("hello")
            began = asyncio.get_running_loop().time()
            code = await run.interrupt(sign)
            seconds = asyncio.get_running_loop().time() - began
    assert code == 0
    assert seconds < 5
    assert run.lines[-1] == "Stopped."
    assert here.processes() == []


async def test_a_signal_during_the_start_stops_it(here: Site) -> None:
    process = await here.command("up", "samples", "--port", "0")
    await asyncio.sleep(0.6)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    assert b"Traceback" not in output
    assert here.processes() == []


async def test_a_folder_with_an_invalid_file_does_not_start(here: Site) -> None:
    (here.folder / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "displayName: 7"))
    code, said = await here.konstruct("up", "samples", "--port", "0", LANG="es_ES.UTF-8")
    assert code == 1
    assert "samples/agent.yaml:" in said
    assert "Traceback" not in said
    assert here.processes() == []


async def test_an_empty_folder_waits_for_its_first_tenant(here: Site) -> None:
    here.folder.rename(here.directory / "later")
    here.folder.mkdir()
    run = await here.up()
    for file in (here.directory / "later").iterdir():
        (here.folder / file.name).write_text(file.read_text())
    await run.until_said("acme: the change is in effect")
    code, said = await here.konstruct("chat", ADDRESS, "hello")
    assert (code, "Ana" in said) == (0, True), said
    assert await run.interrupt() == 0


async def test_a_second_run_from_the_same_home_is_refused(here: Site, running: Run) -> None:
    code, said = await here.konstruct("up", "samples", "--port", "0")
    assert code == 1
    assert "running from" in said
    assert "Traceback" not in said


async def test_a_database_of_one_s_own_is_used_and_left_running(here: Site) -> None:
    server = EmbeddedPostgres(here.directory / "own")
    await server.start()
    try:
        run = await here.up(environment={"KONSTRUCT_DATABASE_URL": server.url()})
        assert not (here.home / "postgres").exists()
        code, said = await here.konstruct("chat", ADDRESS, "hello")
        assert (code, "Ana" in said) == (0, True), said
        assert await run.interrupt() == 0
        store = await Store.connect(server.url())
        await store.close()
    finally:
        await server.stop()


async def test_a_database_that_is_not_there_is_told(here: Site) -> None:
    code, said = await here.konstruct(
        "up", "samples", "--port", "0", KONSTRUCT_DATABASE_URL="postgresql://x:y@127.0.0.1:1/z"
    )
    assert code == 1
    assert "KONSTRUCT_DATABASE_URL" in said
    assert "Traceback" not in said


async def test_a_second_ctrl_c_ends_it_at_once_and_the_next_start_is_whole(here: Site) -> None:
    run = await here.up()
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGTERM)
    assert await run.ended() == 1
    run = await here.up()
    code, said = await here.konstruct("chat", ADDRESS, "hello")
    assert (code, "Ana" in said) == (0, True), said
    assert await run.interrupt() == 0
    assert here.processes() == []


async def test_a_killed_run_loses_nothing_and_answers_once(here: Site) -> None:
    async with _far_model(here) as far:
        far.script(Hang(headers=True))
        run = await here.up()
        conversation = resume = ""
        with contextlib.suppress(ConnectionClosed):  # nobody says goodbye
            async with visiting(run.url, ADDRESS) as visitor:
                await visitor.say("hello", "only-once")
                await visitor.wait_for("accepted")
                await until(lambda: far.chats, seconds=30)
                conversation, resume = visitor.conversation, visitor.resume
                await run.kill()
        run = await here.up()
        async with visiting(
            run.url, ADDRESS, resume=resume, conversation=conversation, after=0
        ) as visitor:
            await visitor.wait_for("reply")
            await visitor.say("hello", "only-once")
            await asyncio.sleep(2)
            assert [one["text"] for one in visitor.of_kind("reply")] == ["I am back."]
        assert await run.interrupt() == 0
        assert len(far.chats) == 2
    assert here.processes() == []


async def test_a_chat_that_waits_gets_its_answer_from_the_next_start(here: Site) -> None:
    async with _far_model(here) as far:
        far.script(Hang(headers=True))
        run = await here.up()
        port = int(run.url.rpartition(":")[2])
        chat = asyncio.create_task(here.konstruct("chat", ADDRESS, "hello"))
        await until(lambda: far.chats, seconds=30)
        await run.kill()
        run = await here.up(port=port)
        assert await chat == (0, "I am back.\n")
        assert await run.interrupt() == 0


@contextlib.asynccontextmanager
async def _far_model(here: Site) -> AsyncIterator[FarModel]:
    """Have the site's agents speak through a provider of the test, named by its apiBase."""
    async with FarModel(rule=lambda _body: Answer(text="I am back.")) as far:
        here.environment = {"FAR_KEY": far.key}
        here.home.mkdir()
        (here.home / "models.yaml").write_text(
            "models:\n"
            "  - name: far\n"
            "    model: openai/far\n"
            f"    apiBase: {far.url}\n"
            "    apiKeyEnv: FAR_KEY\n"
        )
        yield far
