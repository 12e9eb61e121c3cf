"""A person's side of web chat in a terminal: one message, or a conversation line by line."""

import asyncio
import contextlib
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

from konstruct_local.chat_memory import ChatAddress, ChatMemory, ChatMemoryFile
from konstruct_local.chat_reading import Question, Reader, question_of
from konstruct_local.chat_socket import ChatSocket, Frame, Interrupted, open_chat
from konstruct_local.errors import NoAnswer, NotYours, Unreachable
from konstruct_local.terminal import Terminal
from konstruct_local.words import mark as _
from konstruct_messages.replies import NoticeCode

_RETRY_SECONDS = 0.5
_NOT_CHOSEN = frozenset({NoticeCode.CHOICE_EXPIRED, NoticeCode.CHOICE_TAKEN})


class Chat:
    """One person's conversation at `url`. Sockets that break are opened anew; nothing is lost."""

    def __init__(
        self,
        *,
        url: str,
        address: ChatAddress,
        file: ChatMemoryFile,
        terminal: Terminal,
        wait_seconds: float,
    ) -> None:
        self._url = url
        self._address = address
        self._file = file
        self._terminal = terminal
        self._wait_seconds = wait_seconds
        self._reader = Reader()
        self._question: Question | None = None
        self._reached = False

    async def ask(self, text: str, *, anew: bool = False) -> None:
        """Send one message and print its reply. Raises NoAnswer.

        Replies that came while nobody listened are printed on standard error first.
        """
        memory = self._remembered(anew=anew)
        message_id = str(uuid.uuid4())
        with self._in_time():
            async with asyncio.timeout(self._wait_seconds):
                await self._until_answered(memory, text, message_id)

    async def converse(self, lines: AsyncIterator[str], *, anew: bool = False) -> None:
        """Send each of `lines` when the reply to the one before has come. Raises NoAnswer."""
        memory = await self._greet(self._remembered(anew=anew))
        async for line in lines:
            if not line.strip():
                continue
            key = self._question.key(line) if self._question is not None else ""
            message_id = f"{self._question.ask}:{key}" if self._question and key else ""
            with self._in_time():
                async with asyncio.timeout(self._wait_seconds):
                    memory = await self._until_answered(
                        memory, line.strip(), message_id or str(uuid.uuid4()), choice=key
                    )

    def _remembered(self, *, anew: bool) -> ChatMemory:
        memory = self._file.load()
        memory = memory.anew() if anew else memory
        self._reader = Reader(after=memory.after)
        return memory

    async def _greet(self, memory: ChatMemory) -> ChatMemory:
        try:
            async with open_chat(self._url, self._address, memory) as socket:
                self._reached = True
                self._terminal.say(
                    _("You are talking to {agent}. End with Ctrl-D."), agent=socket.agent
                )
                return socket.memory
        except NotYours as refused:
            return await self._greet(self._as_somebody_new(memory, refused))

    def _as_somebody_new(self, memory: ChatMemory, refused: NotYours) -> ChatMemory:
        """Forget a conversation that is not ours any more. Raises `refused` if there is none.

        An installation that was made anew, or has another chat key, does not know who we were.
        """
        if not memory.conversation:
            raise refused
        self._terminal.complain(
            _("You are a new visitor here. Your earlier conversation is not shown any more.")
        )
        self._reader = Reader()
        return memory.anew()

    async def _until_answered(
        self, memory: ChatMemory, text: str, message_id: str, *, choice: str = ""
    ) -> ChatMemory:
        asked, self._question = self._question, None
        while True:
            try:
                async with open_chat(self._url, self._address, memory) as socket:
                    self._reached = True
                    if socket.memory.conversation != memory.conversation:
                        self._reader = Reader()
                    memory = socket.memory
                    if choice and asked is not None:
                        await socket.choose(asked.ask, choice)
                    else:
                        await socket.say(text, message_id)
                    await self._read_reply(socket, message_id)
                    return self._keep(memory)
            except Interrupted:
                memory = self._keep(memory)
            except NotYours as refused:
                memory = self._as_somebody_new(memory, refused)
                continue
            except Unreachable:
                if not self._reached:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)

    async def _read_reply(self, socket: ChatSocket, message_id: str) -> None:
        accepted: int | None = None
        async for frame in socket.frames():
            match frame.get("type"):
                case "accepted" if frame.get("id") == message_id:
                    accepted = int(frame["seq"])
                    self._reader.took(accepted)
                case "delta" if self._terminal.lively:
                    self._terminal.show(self._reader.delta(frame), end="")
                case "step" if self._terminal.lively:
                    self._terminal.murmur(f"  · {frame.get('text', '')}")
                case "notice" if frame.get("code") == NoticeCode.LATER:
                    self._reader.saw(frame)
                    self._terminal.murmur(str(frame.get("text", "")))
                case "reply" | "notice" | "ask":
                    if _ends(frame, accepted):
                        self._show(frame)
                        return
                    self._show_missed(frame)
                case "said":
                    # A choice comes back in the words that it stands for.
                    accepted = int(frame["seq"]) if frame.get("id") == message_id else accepted
                    self._reader.saw(frame)
                case "error":
                    raise NoAnswer(
                        _("Konstruct refused the message: {reason}"),
                        reason=frame.get("text") or frame.get("code"),
                    )
                case _:
                    pass

    def _show(self, frame: Frame) -> None:
        if frame["type"] == "notice":
            self._reader.saw(frame)
            self._terminal.show(str(frame.get("text", "")))
        elif frame["type"] == "ask":
            self._question = question_of(frame)
            self._terminal.show(self._reader.reply(frame) + self._question.lines())
        else:
            self._terminal.show(self._reader.reply(frame))

    def _show_missed(self, frame: Frame) -> None:
        if int(frame.get("seq", 0)) <= self._reader.after:
            return
        self._reader.saw(frame)
        self._terminal.complain(_("Earlier: {text}"), text=frame.get("text", ""))

    def _keep(self, memory: ChatMemory) -> ChatMemory:
        memory = ChatMemory(
            resume=memory.resume, conversation=memory.conversation, after=self._reader.after
        )
        with contextlib.suppress(OSError):
            self._file.save(memory)
        return memory

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise NoAnswer(
                _(
                    "There is no answer after {seconds} seconds. The message is kept: the answer"
                    " comes later and is shown at the next konstruct chat."
                ),
                seconds=round(self._wait_seconds),
            ) from error


def _ends(frame: Frame, accepted: int | None) -> bool:
    """Tell whether a frame answers what was accepted under this number, or says it was not."""
    not_chosen = frame.get("code") in _NOT_CHOSEN
    return not_chosen or (accepted is not None and int(frame.get("seq", 0)) > accepted)


async def typed_lines(prompt: Callable[[], None]) -> AsyncIterator[str]:
    """Yield lines of standard input until its end; `prompt` is called before each.

    They are read by a thread that nobody waits for, so that Ctrl-C ends the program at once.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    prompt()
    while (line := await lines.get()) is not None:
        yield line
        prompt()
