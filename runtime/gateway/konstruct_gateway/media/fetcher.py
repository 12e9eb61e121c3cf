"""Files that people sent over a vendor: fetched once, within a minute, or given up with a word.

The queue is in the store: a crashed replica's file is claimed by another after its lease.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from konstruct_channels.errors import ChannelError, SendLater, SendRefused, SendUnclear
from konstruct_channels.fetching import Fetches, Located
from konstruct_channels.outbound import Outbound
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.media.download import Downloader, DownloadLater, DownloadRefused
from konstruct_gateway.media.files import Arriving, Files
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.waiting import Waiting
from konstruct_media.errors import MediaAway, MediaRefused, TooLarge
from konstruct_messages.names import safe_name
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import ConnectionSnapshot, TenantSnapshot
from konstruct_store import media as stored
from konstruct_store.errors import StoreError, TurnLost
from konstruct_store.media import Fetch, Released
from konstruct_store.store import Store

LARGEST_BYTES = 104_857_600
"""What WhatsApp's documents may have; nothing larger is fetched from anywhere."""

_LEASE_SECONDS = 30.0
_MOST_AT_ONCE = 8
_MOST_TRIES = 5


@dataclass(frozen=True)
class _Whence:
    """The connection that a file came over, and who can say where it is."""

    tenant: TenantSnapshot
    connection: ConnectionSnapshot
    outbound: Fetches


@dataclass
class Fetcher:
    """Claims what is due and fetches it; a file that fails says so in the prompt."""

    store: Store
    view: RegistryView
    files: Files
    telling: Telling
    waiting: Waiting
    metrics: Metrics
    outbounds: Mapping[str, Outbound]
    downloader: Downloader
    lease_seconds: float = _LEASE_SECONDS
    _fetching: set[asyncio.Task[None]] = field(default_factory=set)

    async def round(self) -> None:
        """Claim what there is room for and start fetching it. Raises RetryLater."""
        room = _MOST_AT_ONCE - len(self._fetching)
        if room <= 0:
            return
        claimed = await stored.claim_fetches(
            self.store, lease_seconds=self.lease_seconds, limit=room
        )
        for fetch in claimed:
            task = asyncio.create_task(self._fetch(fetch))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)

    async def close(self) -> None:
        """End what is being fetched; its lease ends, and another replica goes on."""
        for task in self._fetching:
            task.cancel()
        await asyncio.gather(*self._fetching, return_exceptions=True)

    async def _fetch(self, fetch: Fetch) -> None:
        log = structlog.get_logger(__name__).bind(
            tenant_id=str(fetch.tenant_id), media_id=str(fetch.media_id), attempt=fetch.attempt
        )
        channel, reason = "None", "Failed"
        try:
            whence = self._whence(fetch)
            channel = whence.connection.type if whence is not None else channel
            seconds = min(fetch.left_seconds, self.lease_seconds - 2)
            if whence is None:
                reason = "NotFetchable"
            elif seconds <= 0 or fetch.attempt > _MOST_TRIES:
                reason = "TimedOut"
            else:
                async with asyncio.timeout(seconds):
                    self._wake(fetch, await self._keep(fetch, whence))
                self.metrics.files.labels(channel, "Stored").inc()
                return
        except TurnLost:
            return
        except (SendLater, SendUnclear, DownloadLater, MediaAway, TimeoutError) as later:
            await self._again(fetch, channel, getattr(later, "after_seconds", 2.0))
            return
        except DownloadRefused as refused:
            reason = refused.reason
        except TooLarge:
            reason = "TooLarge"
        except (MediaRefused, SealRefused, SendRefused, ChannelError) as refused:
            reason = type(refused).__name__
            log.warning("file refused", reason=str(refused))
        except StoreError as error:
            log.warning("file not recorded", error=str(error))
            return
        except Exception:
            log.exception("file failed")
        await self._give_up(fetch, channel, reason)

    async def _keep(self, fetch: Fetch, whence: _Whence) -> Released | None:
        credentials = self.view.credentials(whence.tenant, whence.connection.name)
        located = await whence.outbound.locate(
            fetch.vendor_key, config=whence.connection.config, credentials=credentials
        )
        if max(located.size_bytes or 0, fetch.size or 0) > LARGEST_BYTES:
            raise TooLarge(LARGEST_BYTES)
        async with self.downloader.open(located) as download:
            arriving = Arriving(
                name=safe_name(located.name or fetch.name),
                pieces=download.pieces,
                most=LARGEST_BYTES,
                declared_type=_declared(located, fetch, download.media_type),
                declared_size=download.size,
                sha256=located.sha256,
            )
            _, released = await self.files.keep(
                fetch.tenant_id, fetch.media_id, arriving, attempt=fetch.attempt
            )
        return released

    def _whence(self, fetch: Fetch) -> _Whence | None:
        """Return where a file came from; None where it cannot be fetched from there."""
        tenant = self.view.tenant_by_id(fetch.tenant_id)
        connection = next(
            (
                one
                for one in (tenant.connections if tenant is not None else ())
                if one.connection_id == fetch.connection_id
            ),
            None,
        )
        outbound = self.outbounds.get(connection.type) if connection is not None else None
        if tenant is None or connection is None or not isinstance(outbound, Fetches):
            return None
        return _Whence(tenant, connection, outbound) if self.files.kept else None

    async def _again(self, fetch: Fetch, channel: str, after_seconds: float) -> None:
        if fetch.attempt >= _MOST_TRIES or after_seconds >= fetch.left_seconds:
            await self._give_up(fetch, channel, "TimedOut")
            return
        try:
            await stored.try_again(self.store, fetch, after_seconds=after_seconds)
        except StoreError as error:
            structlog.get_logger(__name__).warning("file not recorded", error=str(error))

    async def _give_up(self, fetch: Fetch, channel: str, reason: str) -> None:
        self.metrics.files.labels(channel, "Failed").inc()
        try:
            released = await stored.mark_failed(
                self.store, fetch.tenant_id, fetch.media_id, attempt=fetch.attempt, reason=reason
            )
        except StoreError as error:
            structlog.get_logger(__name__).warning("file not recorded", error=str(error))
        else:
            self._wake(fetch, released)

    def _wake(self, fetch: Fetch, released: Released | None) -> None:
        """Let an agent have the turn that waited for the file."""
        if released is not None and released.due:
            self.waiting.wake(fetch.tenant_id)
            self.telling.due(fetch.tenant_id)


def _declared(located: Located, fetch: Fetch, answered: str) -> str:
    """Return what a file is said to be: by its vendor, by its message, by the answer."""
    unknown = "application/octet-stream"
    said = (located.media_type, fetch.media_type, answered)
    return next((one for one in said if one and one != unknown), unknown)
