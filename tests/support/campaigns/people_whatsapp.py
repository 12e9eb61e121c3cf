"""People who write over WhatsApp, as Meta calls an app, and what they see at the far end."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from konstruct_channels.whatsapp import signing
from support.campaigns.ledgers import NONCE, Conversation, words
from support.far_graph import FarGraph
from support.whatsapp_events import APP_SECRET, Document, WhatsAppEvents, Writer, packed

_UNKNOWN_SECONDS = 3.0
_AWAY = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass
class WhatsAppPerson:
    """One person, one conversation. What was taken comes again now and then.

    `retries` are the seconds before each repetition; Meta's own go on for days.
    """

    http: aiohttp.ClientSession
    url: str
    number: str
    chance: random.Random
    retries: tuple[float, ...] = (0.0, 1.0, 5.0)
    seconds: float = 3.0
    again_share: float = 0.1
    events: WhatsAppEvents = field(default_factory=WhatsAppEvents)
    ledger: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Conversation(self.number)

    @property
    def conversations(self) -> Sequence[Conversation]:
        """The one conversation."""
        return (self.ledger,)

    async def say(self, names: Sequence[str]) -> int:
        """Write messages one after the other; return how many Meta could deliver."""
        return sum([await self._say(name) for name in names])

    async def _say(self, name: str) -> bool:
        self.ledger.said_at[name] = time.monotonic()
        writer = Writer(self.number)
        value = self.events.text(words(name), writer=writer, id=f"wamid.{self.number}.{name}")
        if not await self._deliver(value):
            return False
        self.ledger.accepted[name] = time.monotonic()
        if self.chance.random() < self.again_share:
            await self._deliver(value)
        return True

    async def _deliver(self, value: Document) -> bool:
        body = packed(self.events.delivery(value))
        headers = {"Content-Type": "application/json", **signing.sign(body, APP_SECRET)}
        timeout = aiohttp.ClientTimeout(total=self.seconds)
        for pause in (0.0, *self.retries):
            await asyncio.sleep(pause)
            try:
                async with self.http.post(
                    self.url, data=body, headers=headers, timeout=timeout
                ) as answer:
                    await answer.read()
                    if answer.status == 200:
                        return True
            except _AWAY:
                continue
        return False


class WhatsAppReader:
    """Reads what people see into their ledgers, and what the product calls Unknown."""

    def __init__(self, far: FarGraph, people: Sequence[WhatsAppPerson]) -> None:
        self._far = far
        self._people = {one.number: one for one in people}
        self._read = 0
        self._unknown: set[str] = set()

    def look(self) -> None:
        """Note which messages have an answer by now."""
        for sent in self._far.ledger[self._read :]:
            person = self._people.get(sent.person)
            for name in NONCE.findall(sent.text) if person is not None else ():
                self._people[sent.person].ledger.replied_at.setdefault(name, time.monotonic())
        self._read = len(self._far.ledger)

    def unknown(self, texts: Sequence[str]) -> None:
        """Learn which replies the product shows as Unknown: nobody waits for these any longer."""
        self._unknown = {name for text in texts for name in NONCE.findall(text)}
        for person in self._people.values():
            for name in self._unknown & set(person.ledger.accepted):
                person.ledger.replied_at.setdefault(name, time.monotonic())

    def conclude(self) -> tuple[list[str], int]:
        """Write final texts into the ledgers; return stray ones, and how many are only Unknown.

        What is Unknown and was never taken is shown to operators, and not lost.
        """
        stray: list[str] = []
        for person in self._people.values():
            person.ledger.replies.clear()
        for sent in self._far.ledger:
            owner = self._people.get(sent.person)
            (stray if owner is None else owner.ledger.replies).append(sent.text)
        count = 0
        for person in self._people.values():
            seen = {name for text in person.ledger.replies for name in NONCE.findall(text)}
            for name in (self._unknown - seen) & set(person.ledger.accepted):
                del person.ledger.accepted[name]
                count += 1
            # Words about a lost answer cover no message and are meant to be seen.
            replies = person.ledger.replies
            replies[:] = [text for text in replies if NONCE.search(text) or not _about_doubt(text)]
        return stray, count


async def watch_unknown(
    texts: Callable[[], Awaitable[Sequence[str]]], reader: WhatsAppReader
) -> None:
    """Keep a reader told, until cancelled, which texts are shown as Unknown."""
    while True:
        await asyncio.sleep(_UNKNOWN_SECONDS)
        reader.unknown(await texts())


def _about_doubt(text: str) -> bool:
    return "last answer" in text
