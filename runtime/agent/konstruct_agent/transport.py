"""HTTP to our own services: kept connections, a deadline per request, one error for every failure.

aiohttp and not httpx, because each of a turn's requests costs a third of the processor time.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from konstruct_agent.errors import RetryLater, Unreachable

# Shorter than the five seconds after which our servers close an idle connection: one that is closed
# while a request is on its way costs a second try.
_KEPT_SECONDS = 4.0
_CONNECT_SECONDS = 5.0
_FIRST_FAILURE = 300
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Requests to one service. Raises RetryLater where no whole answer came; Unreachable is one."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, name: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._name = name

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = 15.0,
    ) -> Answer:
        """Return the answer, good or bad, within `seconds` (None: as long as the body goes on)."""
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        try:
            async with self._session.request(
                method, self._base_url + path, data=body, headers=headers, timeout=timeout
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._away(error) from error

    @asynccontextmanager
    async def stream(
        self, path: str, *, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> AsyncIterator["Answer | AsyncIterator[bytes]"]:
        """Post `body`; yield the answer's lines, or the whole answer if it is a refusal.

        `seconds` bounds every pause. Read to the very end: an answer that is left early costs its
        connection.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=seconds
        )
        try:
            async with self._session.post(
                self._base_url + path, data=body, headers=headers, timeout=timeout
            ) as response:
                if response.status >= _FIRST_FAILURE:
                    yield Answer(response.status, response.headers, await response.read())
                else:
                    yield _lines(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> RetryLater:
        kind = Unreachable if isinstance(error, _NO_CONNECTION) else RetryLater
        return kind(f"The {self._name} cannot be reached: {type(error).__name__}.")


@asynccontextmanager
async def open_session(work_token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of one agent; all carry its work token."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Authorization": f"Bearer {work_token}"},
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        auto_decompress=False,
    ) as session:
        yield session


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
    if rest:
        yield rest
