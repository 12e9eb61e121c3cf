"""Which channels there are: every folder of this package that has a `spec`."""

import importlib
import importlib.util
import pkgutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, cast

import konstruct_channels
from konstruct_channels.inbound import Inbound
from konstruct_channels.listening import Listening
from konstruct_channels.outbound import Outbound
from konstruct_channels.spec import ChannelSpec, Transport

Cut = Callable[[str], list[str]]
"""Cuts Markdown into pieces that are one message of a channel each."""


def load_specs() -> Mapping[str, ChannelSpec]:
    """Return the channels by type, sorted by type. A new folder is found without being listed."""
    specs = []
    for module in pkgutil.iter_modules(konstruct_channels.__path__):
        if module.ispkg:
            folder = importlib.import_module(f"konstruct_channels.{module.name}.spec")
            specs.append(folder.SPEC)
    return {spec.channel_type: spec for spec in sorted(specs, key=lambda one: one.channel_type)}


def load_inbounds(specs: Mapping[str, ChannelSpec]) -> Mapping[str, Inbound]:
    """Return the inbound halves of the channels that receive webhooks, by folder."""
    return {
        spec.folder: cast("Inbound", importlib.import_module(_module(spec, "inbound")))
        for spec in specs.values()
        if spec.transport is Transport.WEBHOOK and has_half(spec, "inbound")
    }


def load_cuts(specs: Mapping[str, ChannelSpec]) -> Mapping[str, Cut]:
    """Return what cuts a reply into messages, by type, for the channels that want it cut before."""
    found: dict[str, Cut] = {}
    for spec in specs.values():
        if spec.sends and has_half(spec, "format"):
            split = getattr(importlib.import_module(_module(spec, "format")), "split", None)
            if split is not None:
                most = spec.limits.outbound_text_characters
                found[spec.channel_type] = partial(split, limit=most)
    return found


@asynccontextmanager
async def open_outbounds(
    specs: Mapping[str, ChannelSpec], *, api_urls: Mapping[str, str]
) -> AsyncIterator[Mapping[str, Outbound]]:
    """Yield the sending halves by channel type; their connections are closed afterwards.

    `api_urls` are the vendors' addresses by folder, where they are not the spec's own.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, Outbound] = {}
        for spec in specs.values():
            if spec.sends and has_half(spec, "outbound"):
                half = importlib.import_module(_module(spec, "outbound"))
                opened = half.open_outbound(api_urls.get(spec.folder) or spec.api_url)
                found[spec.channel_type] = await stack.enter_async_context(opened)
        yield found


@asynccontextmanager
async def open_listenings(
    specs: Mapping[str, ChannelSpec], *, api_urls: Mapping[str, str]
) -> AsyncIterator[Mapping[str, Listening]]:
    """Yield the listening halves by channel type; their connections are closed afterwards."""
    async with AsyncExitStack() as stack:
        found: dict[str, Listening] = {}
        for spec in specs.values():
            if has_half(spec, "listening"):
                half = importlib.import_module(_module(spec, "listening"))
                opened = half.open_listening(api_urls.get(spec.folder) or spec.api_url)
                found[spec.channel_type] = await stack.enter_async_context(opened)
        yield found


def has_half(spec: ChannelSpec, name: str) -> bool:
    """Tell whether the channel's folder has this module."""
    return importlib.util.find_spec(_module(spec, name)) is not None


def specs_document() -> dict[str, Any]:
    """Return what `python -m konstruct_channels specs` prints: every channel's declaration."""
    return {
        "channels": [
            {**spec.document(), "served": has_half(spec, "inbound")}
            for spec in load_specs().values()
        ]
    }


def _module(spec: ChannelSpec, name: str) -> str:
    return f"konstruct_channels.{spec.folder}.{name}"
