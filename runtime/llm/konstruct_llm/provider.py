"""What the service wants of a vendor, in its own words; and the late import of the real one."""

import asyncio
import importlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import structlog

from konstruct_llm.pool import PoolModel

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Deployment:
    """A model of the pool with the key it is called with; `owner` tells whose key that is."""

    model: PoolModel
    api_key: str | None = field(repr=False, default=None)
    owner: str = "platform"

    @property
    def circuit(self) -> tuple[str, str]:
        """What a breaker is kept for: one tenant's bad key must not rest everybody's model."""
        return (self.model.name, self.owner)


@dataclass(frozen=True)
class ChatCall:
    """What is asked of a model. `options` are OpenAI's optional parameters.

    `blind` are the messages for a model that sees no pictures, if they are others.
    """

    messages: Sequence[Mapping[str, Any]] = field(repr=False)
    tools: Sequence[Mapping[str, Any]] = ()
    max_output_tokens: int = 4_096
    options: Mapping[str, Any] = field(default_factory=dict)
    blind: Sequence[Mapping[str, Any]] | None = field(repr=False, default=None)

    def messages_for(self, model: PoolModel) -> Sequence[Mapping[str, Any]]:
        """Return the messages as this model can take them."""
        return self.messages if model.vision or self.blind is None else self.blind


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Piece:
    """A piece of a streamed answer; each field may be empty.

    `tool_calls` are OpenAI's delta entries (index, id, function name and arguments, in parts).
    """

    text: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class Embeddings:
    """Vectors in the order of their texts."""

    vectors: list[list[float]]
    input_tokens: int


class Vendor(Protocol):
    """The door to all providers. Everything raises AttemptFailed and nothing else.

    `timeout_seconds` is what the caller will wait: a hint, the caller itself ends the call.
    """

    def stream(
        self, deployment: Deployment, call: ChatCall, *, timeout_seconds: float
    ) -> AsyncGenerator[Piece, None]:
        """Yield the answer; a stream that ends without finish reason is an AttemptFailed."""
        ...

    async def embed(
        self, deployment: Deployment, texts: Sequence[str], *, timeout_seconds: float
    ) -> Embeddings:
        """Return one vector for each text."""
        ...

    async def warm_up(self) -> None:
        """Load what would otherwise be loaded by the first call."""
        ...

    async def close(self) -> None:
        """Close the vendor's connections."""
        ...


class LateVendor:
    """The real vendor, imported in a thread while the service already listens.

    The import takes two to five seconds; the first call waits for it, health checks do not.
    """

    def __init__(self) -> None:
        self._loading: asyncio.Task[Vendor] | None = None

    def begin(self) -> None:
        """Start the import."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())

    async def get(self) -> Vendor:
        """Return the vendor, waiting for its import if need be."""
        self.begin()
        return await asyncio.shield(cast("asyncio.Task[Vendor]", self._loading))

    async def loaded(self) -> None:
        """Return when the import that began is over; at once when none did."""
        if self._loading is not None:
            await self.get()

    async def _load(self) -> Vendor:
        vendor = await asyncio.to_thread(_load_vendor)
        await vendor.warm_up()
        _log.info("vendor_loaded")
        return vendor

    async def close(self) -> None:
        """Close what was opened; an import in progress is waited for, it cannot be cancelled."""
        if self._loading is not None:
            vendor = await self._loading
            await vendor.close()


def _load_vendor() -> Vendor:
    # Read at import: the price list would be fetched from the network, a `.env` would be loaded.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    module = importlib.import_module("konstruct_llm.vendor")
    factory = cast("Callable[[], Vendor]", module.LitellmVendor)
    return factory()
