"""The channels there are, as data generated from their own declarations.

`channel_types.json` is what `python -m konstruct_channels specs` prints.
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class SecretKey:
    """A key that the connection's Secret must have."""

    key: str
    description: str


@dataclass(frozen=True)
class Conflict:
    """Values of a block's fields that cannot stand together; `blamed` is the field to change."""

    name: str
    fields: dict[str, str]
    blamed: str
    message: str


@dataclass(frozen=True)
class ChannelType:
    """A type of ChannelConnection. `block` is its field; `needs_secret`: required or forbidden.

    `served`: this version carries its messages. `webhook`: its vendor calls `/hooks/<folder>/...`,
    where the block has the values of `webhook_with`.
    """

    name: str
    block: str
    folder: str
    served: bool
    webhook: bool
    webhook_with: dict[str, str]
    title: str
    description: str
    needs_secret: bool
    secret_keys: tuple[SecretKey, ...]
    config_schema: dict[str, Any]
    conflicts: tuple[Conflict, ...] = ()


@functools.cache
def channel_types() -> tuple[ChannelType, ...]:
    """Return the channels, sorted by name."""
    text = resources.files("konstruct_crds").joinpath("channel_types.json").read_text("utf-8")
    return tuple(
        ChannelType(
            name=one["type"],
            block=one["block"],
            folder=one["folder"],
            served=one["served"],
            webhook=one["webhook"],
            webhook_with=one["webhookWith"],
            title=one["title"],
            description=one["description"],
            needs_secret=one["credentials"] == "Required",
            secret_keys=tuple(SecretKey(**key) for key in one["secretKeys"]),
            config_schema=one["configSchema"],
            conflicts=tuple(Conflict(**conflict) for conflict in one.get("conflicts", ())),
        )
        for one in json.loads(text)["channels"]
    )


def channel_type(name: str) -> ChannelType | None:
    """Return the channel called `name` (as `spec.type` has it), or None."""
    return next((one for one in channel_types() if one.name == name), None)
