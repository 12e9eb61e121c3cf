"""What `konstruct chat` remembers between two calls: who it was and how far it had read."""

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from konstruct_local.home import Home, write_atomically

_NAME = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_LONGEST_NAME = 63


@dataclass(frozen=True)
class ChatAddress:
    """Whom to talk to: a Tenant's name and one of its connections."""

    tenant: str
    connection: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.connection}"

    @classmethod
    def parse(cls, text: str) -> "ChatAddress":
        """Return the address in `TENANT/CONNECTION`. Raises ValueError for anything else."""
        tenant, slash, connection = text.partition("/")
        names = (tenant, connection)
        if not slash or not all(_NAME.match(one) and len(one) <= _LONGEST_NAME for one in names):
            raise ValueError(text)
        return cls(tenant, connection)


@dataclass(frozen=True)
class ChatMemory:
    """One person on one connection. `after` is the last sequence number that was shown."""

    resume: str = ""
    conversation: str = ""
    after: int = 0

    def anew(self) -> "ChatMemory":
        """Return the same person at the beginning of another conversation."""
        return replace(self, conversation="", after=0)


class ChatMemoryFile:
    """Where a memory is kept: below KONSTRUCT_HOME, mode 0600, for it lets one speak as a person.

    A file that cannot be read is forgotten: the worst is a new visitor.
    """

    def __init__(self, home: Home, url: str, address: ChatAddress) -> None:
        place = re.sub(r"[^A-Za-z0-9.]+", "_", urlsplit(url).netloc) or "here"
        self._path: Path = home.chats / place / address.tenant / f"{address.connection}.json"

    def load(self) -> ChatMemory:
        """Return what was kept, or an empty memory."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return ChatMemory(
                resume=str(document["resume"]),
                conversation=str(document["conversation"]),
                after=int(document["after"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return ChatMemory()

    def save(self, memory: ChatMemory) -> None:
        """Keep `memory`. Raises OSError."""
        write_atomically(self._path, json.dumps(asdict(memory)) + "\n", mode=0o600)
