"""What a channel declares about itself: a ChannelConnection's block, its secrets, its limits."""

from dataclasses import dataclass
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
    """One key of the Secret that a connection's `credentialsSecretRef` names."""

    key: str
    description: str


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

    def document(self) -> dict[str, Any]:
        """Return what the CRDs and the operator need of the channel, as JSON."""
        return {
            "type": self.channel_type,
            "block": self.block,
            "title": self.title,
            "description": self.description,
            "credentials": self.credentials.value,
            "secretKeys": [
                {"key": one.key, "description": one.description} for one in self.secret_keys
            ],
            "configSchema": config_schema(self.config),
        }


def config_schema(model: type[ChannelConfig]) -> dict[str, Any]:
    """Return a config model's JSON schema without references and titles, fit for a CRD."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    resolved = _resolve(schema, definitions)
    if not isinstance(resolved, dict):
        raise TypeError(f"The schema of {model.__name__} is not an object.")
    return resolved


def _resolve(node: Any, definitions: dict[str, Any], *, names: bool = False) -> Any:
    """Put definitions where they are referred to; drop titles, but not a property called title."""
    if isinstance(node, list):
        return [_resolve(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _resolve(value, definitions) for key, value in node.items()}
    reference = node.get("$ref")
    if isinstance(reference, str):
        target = definitions[reference.rsplit("/", 1)[1]]
        own = {key: value for key, value in node.items() if key != "$ref"}
        return _resolve({**target, **own}, definitions)
    return {
        key: value if key == "default" else _resolve(value, definitions, names=key == "properties")
        for key, value in node.items()
        if key != "title"
    }
