"""The other replicas: found through a small table, told over HTTP. Lossy by design.

A replica that cannot announce itself is dead to the others after `LIVE_SECONDS`, and they take over
what it was sending. It knows so itself, some seconds earlier (`silent`).
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from uuid import UUID

import httpx
import structlog

from konstruct_gateway.hints import Hint, Hints
from konstruct_store import replicas as stored
from konstruct_store.store import Store

_MOST_QUEUED = 5_000
_MOST_AT_ONCE = 500
_PATH = "/internal/replicas/events"
# What is on its way to a vendor when a call is broken off arrives before the others ask about it.
_SILENT_SECONDS = stored.LIVE_SECONDS - 5.0


class Replicas:
    """Announces this replica and passes hints to the others, one queue and task per peer."""

    def __init__(
        self,
        store: Store,
        *,
        replica_id: UUID,
        url: str,
        token: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replica_id = replica_id
        self._store = store
        self._clock = clock
        self._announced_at = clock()
        self._url = url
        self._token = token
        self._peers: dict[str, _Peer] = {}

    @property
    def alone(self) -> bool:
        """Whether no other replica is known."""
        return not self._peers

    @property
    def silent(self) -> bool:
        """Whether this replica could not announce itself for so long that it may soon be dead."""
        return self._clock() - self._announced_at >= _SILENT_SECONDS

    def mine(self, key: str) -> bool:
        """Tell whether something that one replica does for all falls to this one.

        Every replica weighs all it knows of the same way (rendezvous hashing): a replica that comes
        or goes moves only its own share. Two may think so for a moment.
        """
        return not self._url or self._url == max((self._url, *self._peers), key=_weight(key))

    def publish(self, hint: Hint) -> None:
        """Tell every other replica, soon; what a slow peer cannot take is dropped."""
        for peer in self._peers.values():
            peer.put(hint)

    async def refresh(self) -> None:
        """Announce this replica and learn of the others. Raises RetryLater."""
        began = self._clock()
        await stored.announce(self._store, self.replica_id, self._url)
        # The database's clock read no earlier than this.
        self._announced_at = began
        if not self._url:
            return
        others: Mapping[UUID, str] = await stored.replicas(self._store)
        urls = {url for key, url in others.items() if key != self.replica_id and url != self._url}
        for url in self._peers.keys() - urls:
            self._peers.pop(url).close()
        for url in urls - self._peers.keys():
            self._peers[url] = _Peer(url, self._token)

    async def close(self) -> None:
        """Retire this replica and forget the others."""
        peers, self._peers = list(self._peers.values()), {}
        for peer in peers:
            peer.close()
        await asyncio.gather(*(peer.ended() for peer in peers), return_exceptions=True)
        await stored.retire(self._store, self.replica_id)


def _weight(key: str) -> Callable[[str], bytes]:
    return lambda url: hashlib.sha256(f"{url}\n{key}".encode()).digest()


class _Peer:
    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._queue: deque[Hint] = deque(maxlen=_MOST_QUEUED)
        self._filled = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"replica {url}")

    def put(self, hint: Hint) -> None:
        self._queue.append(hint)
        self._filled.set()

    def close(self) -> None:
        self._task.cancel()

    async def ended(self) -> None:
        await self._task

    async def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        limits = httpx.Limits(max_connections=2)
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=5.0, limits=limits, trust_env=False
        ) as client:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._queue:
                    await self._post(client)

    async def _post(self, client: httpx.AsyncClient) -> None:
        count = min(len(self._queue), _MOST_AT_ONCE)
        hints = Hints(events=tuple(self._queue.popleft() for _ in range(count)))
        body = hints.model_dump_json(exclude_defaults=True)
        try:
            answer = await client.post(
                _PATH, content=body, headers={"Content-Type": "application/json"}
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            structlog.get_logger(__name__).warning(
                "replica not told", replica=self._url, hints=count, error=type(error).__name__
            )
