"""What `konstruct chat` remembers of an installation that is gone does not silence the next one."""

import io
from pathlib import Path

import pytest

from konstruct_local.chat import Chat
from konstruct_local.chat_memory import ChatAddress, ChatMemory, ChatMemoryFile
from konstruct_local.home import Home
from konstruct_local.terminal import Terminal
from konstruct_local.words import Words
from support.far_agent import FarAgentTurn, far_agent
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting

pytestmark = pytest.mark.postgres

_ADDRESS = ChatAddress.parse("acme/website")
_OLD = "a-conversation-of-old"


async def test_a_conversation_that_the_database_never_knew_is_answered(
    database: Database, tmp_path: Path
) -> None:
    assert await _told(database, tmp_path) == ("echo hello\n", "")


async def test_a_conversation_that_is_another_persons_now_is_begun_anew(
    database: Database, tmp_path: Path
) -> None:
    shown, said = await _told(database, tmp_path, other_persons=True)
    assert shown == "echo hello\n"
    assert said.startswith("You are a new visitor here.")


async def _told(
    database: Database, folder: Path, *, other_persons: bool = False
) -> tuple[str, str]:
    """Ask with a memory from elsewhere; return what was printed as the answer and beside it."""

    async def script(given: FarAgentTurn) -> str:
        return f"echo {given.text}"

    tenant, out, err = SampleTenant(), io.StringIO(), io.StringIO()
    async with running_gateway(database.url("gateway")) as gateway:
        await tenant.register(gateway.internal_url)
        async with far_agent(gateway.internal_url, tenant.token, script):
            if other_persons:
                visit = visiting(gateway.url, str(_ADDRESS), conversation=_OLD)
                async with visit as somebody:
                    await somebody.ask("mine")
            file = ChatMemoryFile(Home(folder), gateway.url, _ADDRESS)
            file.save(ChatMemory(resume="sealed with a key of old", conversation=_OLD, after=40))
            chat = Chat(
                url=gateway.url,
                address=_ADDRESS,
                file=file,
                terminal=Terminal(Words("en"), out=out, err=err),
                wait_seconds=30,
            )
            await chat.ask("hello")
            assert file.load().after < 40
    return out.getvalue(), err.getvalue()
