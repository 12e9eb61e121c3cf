"""What an outbound half offers whose vendor keeps the files that people send: where each one is.

It says only that. The gateway fetches, under one set of rules for every channel: hosts, redirects,
private addresses, sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Located:
    """Where a file is to be had, for a while, and what its vendor says of it.

    `hosts` are where its bytes may come from, redirects included; a leading `*.` stands for any
    names before it. `origin` is the vendor's own address as this installation is set up: what lies
    there may have a private address. `headers` are shown to these hosts alone. `expires`: the
    address lasts for minutes, and where it is gone the vendor gives another.
    """

    url: str
    hosts: tuple[str, ...]
    origin: str = ""
    headers: Mapping[str, str] = field(repr=False, default_factory=lambda: _NOTHING)
    name: str = ""
    media_type: str = ""
    size_bytes: int | None = None
    sha256: str = ""
    expires: bool = False


@runtime_checkable
class Fetches(Protocol):
    """An outbound half that knows where its vendor keeps a file."""

    async def locate(
        self, key: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Located:
        """Return where the file `key` (an Attachment's) is.

        Raises SendRefused where it is not to be had (gone, not allowed), SendLater and SendUnclear
        where the vendor should be asked again.
        """
        ...
