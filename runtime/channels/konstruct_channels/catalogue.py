"""Which channels there are: every folder of this package that has a `spec`."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import konstruct_channels
from konstruct_channels.errors import UnknownChannel
from konstruct_channels.spec import ChannelSpec


def load_specs() -> Mapping[str, ChannelSpec]:
    """Return the channels by type, sorted by type. A new folder is found without being listed."""
    specs = []
    for module in pkgutil.iter_modules(konstruct_channels.__path__):
        if module.ispkg:
            folder = importlib.import_module(f"konstruct_channels.{module.name}.spec")
            specs.append(folder.SPEC)
    return {spec.channel_type: spec for spec in sorted(specs, key=lambda one: one.channel_type)}


def spec_of(specs: Mapping[str, ChannelSpec], channel_type: str) -> ChannelSpec:
    """Return the channel of this type. Raises UnknownChannel."""
    try:
        return specs[channel_type]
    except KeyError as error:
        raise UnknownChannel(f"There is no channel of type {channel_type!r}.") from error


def specs_document() -> dict[str, Any]:
    """Return what `python -m konstruct_channels specs` prints: every channel's declaration."""
    return {"channels": [spec.document() for spec in load_specs().values()]}
