"""The chat command: which installation, which memory, one message or many."""

from konstruct_local.chat import Chat, typed_lines
from konstruct_local.chat_memory import ChatAddress, ChatMemoryFile
from konstruct_local.home import Home
from konstruct_local.servers import base_url
from konstruct_local.settings import LocalSettings
from konstruct_local.terminal import Terminal


async def run_chat(
    settings: LocalSettings,
    terminal: Terminal,
    address: ChatAddress,
    text: str | None,
    *,
    url: str | None,
    anew: bool,
    wait_seconds: float,
) -> int:
    """Chat; return the exit code. Raises NoAnswer."""
    home = Home(settings.home)
    url = url or home.running_at() or base_url(settings.host, settings.port)
    chat = Chat(
        url=url,
        address=address,
        file=ChatMemoryFile(home, url, address),
        terminal=terminal,
        wait_seconds=wait_seconds,
    )
    if text is not None:
        await chat.ask(text, anew=anew)
    else:
        prompt = (lambda: terminal.show("> ", end="")) if terminal.lively else (lambda: None)
        await chat.converse(typed_lines(prompt), anew=anew)
    return 0
