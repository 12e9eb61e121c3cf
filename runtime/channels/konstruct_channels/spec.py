"""What a channel declares about itself: a ChannelConnection's block, its secrets, its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ChannelConfig(BaseModel):
    """The root of every channel's config model: the block of a ChannelConnection, camelCase.

    Unknown fields are ignored, because a newer registry may know more than this program.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class Credentials(StrEnum):
    """Whether a connection of the channel needs `credentialsSecretRef`."""

    REQUIRED = "Required"
    FORBIDDEN = "Forbidden"


@dataclass(frozen=True)
class SecretKey:
    """One key of the Secret that a connection's `credentialsSecretRef` names.

    `title`, `pattern` and `example` are for the portal's form: what the value is called, what the
    whole of it must match, and what it looks like. An optional key may be left out; one with
    `only_with` belongs to connections whose block has these values (or defaults), and to no others.
    """

    key: str
    description: str
    title: str = ""
    pattern: str = ""
    example: str = ""
    required: bool = True
    only_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conflict:
    """Values of a block's fields, each with a default, that cannot stand together."""

    name: str
    fields: Mapping[str, str]
    blamed: str
    message: str


@dataclass(frozen=True)
class Limits:
    """What the channel can carry, in characters, bytes and days."""

    inbound_text_characters: int
    outbound_text_characters: int
    inbound_body_bytes: int
    dedupe_days: int


class Transport(StrEnum):
    """How messages come in: the vendor calls us, or people's own sockets do."""

    WEBHOOK = "Webhook"
    SOCKET = "Socket"


@dataclass(frozen=True)
class ChannelSpec:
    """A channel. `folder` is its package below `konstruct_channels`, `block` its field's name."""

    channel_type: str
    block: str
    folder: str
    title: str
    description: str
    config: type[ChannelConfig]
    credentials: Credentials
    secret_keys: tuple[SecretKey, ...]
    limits: Limits
    sends: bool
    """Whether a reply is sent to a vendor; without it, the conversation's log is the delivery."""
    transport: Transport = Transport.WEBHOOK
    signs_time: bool = False
    """Whether the vendor signs a time, so that an old webhook can be told from a new one."""
    api_url: str = ""
    """The vendor's address; a setting of the gateway puts another in its place."""
    conflicts: tuple[Conflict, ...] = ()
    webhook_with: Mapping[str, str] = field(default_factory=dict)
    """The block's values (or defaults) with which the vendor calls a connection's own address."""
    window_hours: int | None = None
    """For how long after a person wrote the vendor takes words of ours; None: always."""

    def document(self) -> dict[str, Any]:
        """Return what the CRDs and the operator need of the channel, as JSON."""
        return {
            "type": self.channel_type,
            "block": self.block,
            "folder": self.folder,
            "webhook": self.transport is Transport.WEBHOOK,
            "webhookWith": dict(self.webhook_with),
            "title": self.title,
            "description": self.description,
            "credentials": self.credentials.value,
            "secretKeys": [
                {"key": one.key, "description": one.description} for one in self.secret_keys
            ],
            "conflicts": [
                {
                    "name": one.name,
                    "fields": dict(one.fields),
                    "blamed": one.blamed,
                    "message": one.message,
                }
                for one in self.conflicts
            ],
            "configSchema": config_schema(self.config),
        }


LABEL, HIDDEN = "x-label", "x-hidden"
"""Extra words of a config's field for the portal's form, which the CRD does not get: what the value
is called, and whether nobody fills it in."""

_DROPPED = frozenset({"title"})
_FOR_FORMS = frozenset({"examples", HIDDEN, LABEL})


def config_schema(model: type[ChannelConfig], *, for_form: bool = False) -> dict[str, Any]:
    """Return a config model's JSON schema without references, fit for a CRD.

    `for_form` keeps what only a form shows: what a field is called, and what a value looks like.
    """
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    resolved = _resolve(
        schema, definitions, dropped=_DROPPED if for_form else _DROPPED | _FOR_FORMS
    )
    if not isinstance(resolved, dict):
        raise TypeError(f"The schema of {model.__name__} is not an object.")
    return resolved


def _resolve(
    node: Any, definitions: dict[str, Any], *, dropped: frozenset[str], names: bool = False
) -> Any:
    """Put definitions where they are referred to; drop words, but not a property of that name."""
    if isinstance(node, list):
        return [_resolve(one, definitions, dropped=dropped) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _resolve(one, definitions, dropped=dropped) for key, one in node.items()}
    reference = node.get("$ref")
    if isinstance(reference, str):
        target = definitions[reference.rsplit("/", 1)[1]]
        own = {key: value for key, value in node.items() if key != "$ref"}
        return _resolve({**target, **own}, definitions, dropped=dropped)
    return {
        key: value
        if key == "default"
        else _resolve(value, definitions, dropped=dropped, names=key == "properties")
        for key, value in node.items()
        if key not in dropped
    }
