"""ChannelConnection: a way for messages to reach an agent."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from konstruct_crds.channel_types import ChannelType, Conflict, channel_type, channel_types
from konstruct_crds.common import AgentReference, SecretReference, Status
from konstruct_crds.conditions import ConditionType
from konstruct_crds.metadata import ObjectMeta, name_length_rule, name_rule
from konstruct_crds.part import ItemName, Part, api_name, one_of_each, ordered
from konstruct_crds.rules import Rule, unique_names
from konstruct_crds.structural import filled

RESERVED_NAME = "portal"
"""The connection over which the portal talks to every agent; nobody may declare it."""

Listed = Annotated[str, Field(min_length=1, max_length=256)]


class AccessPolicy(StrEnum):
    """Who may write."""

    EVERYONE = "Everyone"
    LISTED = "Listed"


class Admission(StrEnum):
    """Whether people of a kind may write."""

    ALLOWED = "Allowed"
    DENIED = "Denied"


class ReplyWhen(StrEnum):
    """Which messages are answered."""

    ADDRESSED = "Addressed"
    ALWAYS = "Always"


class Match(Part):
    """What a message must be like; every field that is set must fit."""

    channels: tuple[Listed, ...] = Field(
        default=(),
        max_length=64,
        description="The channel's own ids of rooms, one of which the message must be in: a Slack"
        " channel's id.",
        json_schema_extra=one_of_each(),
    )
    people: tuple[Listed, ...] = Field(
        default=(),
        max_length=64,
        description="People as the channel knows them, one of whom must have written it.",
        json_schema_extra=one_of_each(),
    )
    text_begins: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="What the text must begin with, in any case: invoice"
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a match."""
        return (
            Rule(
                name="match-names-something",
                cel="has(self.channels) && size(self.channels) > 0 || has(self.people) &&"
                " size(self.people) > 0 || has(self.textBegins)",
                python=lambda value: any(
                    value.get(field) for field in ("channels", "people", "textBegins")
                ),
                message="A route that matches every message hides the ones after it: write"
                " channels, people or textBegins, or name the agent in spec.agentRef instead.",
                reason="FieldValueRequired",
            ),
        )


class Route(Part):
    """Which agent answers particular messages."""

    name: ItemName = Field(description="The route's name, unique in the connection.")
    match: Match = Field(description="Which messages it is for.")
    agent_ref: AgentReference = Field(description="The Agent that answers them.")


class Access(Part):
    """Who may write to the agent over this connection."""

    policy: AccessPolicy = Field(
        default=AccessPolicy.EVERYONE,
        description="Everyone: whoever the channel lets through. Listed: only those in `allowed`;"
        " others are told once that they cannot be answered here; what else they write is ignored"
        " and counted.",
    )
    guests: Admission = Field(
        default=Admission.ALLOWED,
        description="Whether guests of the workspace may write, where the channel knows guests"
        " (Slack: single-channel and multi-channel guests; needs the scope users:read). Who is in"
        " `allowed` may write whatever is said here.",
    )
    strangers: Admission = Field(
        default=Admission.ALLOWED,
        description="Whether people of other companies may write, in conversations that both share"
        " (Slack Connect), and in web chat those who did not log in. Who is in `allowed` may write"
        " whatever is said here.",
    )
    allowed: tuple[Listed, ...] = Field(
        default=(),
        max_length=256,
        description="Who may write, as the channel knows people: a Slack user's id, a WhatsApp"
        " number, in web chat portal: and a portal user's id.",
        json_schema_extra=one_of_each(),
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over access."""
        return (
            Rule(
                name="access-list-matches-policy",
                cel="(self.policy == 'Listed') == (has(self.allowed) && size(self.allowed) > 0)",
                python=lambda value: (value["policy"] == "Listed") == bool(value.get("allowed")),
                message="`allowed` belongs to policy Listed: write policy: Listed and at least one"
                " person in allowed, or policy: Everyone and no list.",
                field_path=".allowed",
            ),
        )


class ChannelConnectionSpec(Part):
    """What is wanted of a connection."""

    # The blocks of the channels are fields that only their generated schemas know.
    model_config = ConfigDict(
        alias_generator=api_name, populate_by_name=True, frozen=True, extra="allow"
    )

    type: str = Field(
        description="The channel. The block of the same name is required. It cannot be changed.",
    )
    credentials_secret_ref: SecretReference | None = Field(
        default=None,
        description="The Secret with the channel's credentials, labelled konstruct.dev/use:"
        " channel. Its keys are listed at the channel's block. For WebChat, leave it out.",
    )
    agent_ref: AgentReference = Field(
        description="The Agent that answers, unless a route names another."
    )
    routes: tuple[Route, ...] = Field(
        default=(),
        max_length=32,
        description="Which agent answers particular messages. The first route that matches wins.",
        json_schema_extra=ordered(),
    )
    gather_milliseconds: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="How long to wait for more before answering, in milliseconds, so that hello,"
        " a quick question and the question itself get one answer. 2000 suits WhatsApp and Slack's"
        " direct messages.",
    )
    access: Access = Field(default=Access(), description="Who may write over this connection.")
    reply_when: ReplyWhen = Field(
        default=ReplyWhen.ADDRESSED,
        description="Addressed: messages to the agent alone, and those that mention it. Always:"
        " every message in a room the agent is in.",
    )

    @property
    def config(self) -> dict[str, Any]:
        """The block of the connection's type, with its defaults; empty for unknown types."""
        found = channel_type(self.type)
        block = (self.model_extra or {}).get(found.block) if found is not None else None
        if found is None or not isinstance(block, dict):
            return {}
        return dict(filled(found.config_schema, block))

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a connection's spec."""
        blocks = [_block_rule(one) for one in channel_types()]
        secrets = [_secret_rule(one) for one in channel_types()]
        conflicts = [
            _conflict_rule(one, conflict) for one in channel_types() for conflict in one.conflicts
        ]
        return (
            Rule(
                name="type-stays",
                cel="self.type == oldSelf.type",
                transition=lambda value, old: value["type"] == old["type"],
                message="type cannot be changed, because conversations belong to their channel:"
                " create another ChannelConnection.",
                field_path=".type",
                reason="FieldValueForbidden",
            ),
            *blocks,
            *secrets,
            *conflicts,
            unique_names(
                "routes",
                "Two routes have the same name: give each a name of its own.",
                name="route-names-differ",
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema with the blocks of all channels."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        schema.pop("additionalProperties", None)
        properties = schema["properties"]
        properties["type"]["enum"] = [one.name for one in channel_types()]
        for one in channel_types():
            properties[one.block] = {**one.config_schema, "description": _block_description(one)}
        return schema


class ChannelConnectionStatus(Status):
    """What the operator found out about the connection."""

    told: ClassVar[Mapping[ConditionType, str]] = {
        ConditionType.AGENT_RESOLVED: "the Agents named exist.",
        ConditionType.SECRETS_READY: "the Secret with the credentials can be used.",
        ConditionType.AUTHENTICATED: "the vendor takes the credentials.",
        ConditionType.RECEIVING: "messages have come in lately; Ready does not depend on it.",
        ConditionType.CHECKS_PASSED: "everything that the gateway looks at is in order; its message"
        " names each check and what to do. Ready does not depend on it.",
    }

    webhook_url: str | None = Field(
        default=None,
        max_length=2048,
        description="The address to enter at the vendor, where the channel has one.",
    )
    credentials_version: str | None = Field(
        default=None,
        max_length=253,
        description="Which version of the Secret is in use: its UID and resourceVersion.",
    )


class ChannelConnection(Part):
    """A way for messages to reach an agent: a Slack app, a WhatsApp number, a chat on a web page.

    It lives in its tenant's namespace, beside the Agent it names.
    """

    api_version: Literal["konstruct.dev/v1alpha1"] = "konstruct.dev/v1alpha1"
    kind: Literal["ChannelConnection"] = "ChannelConnection"
    metadata: ObjectMeta = ObjectMeta()
    spec: ChannelConnectionSpec = Field(description="What is wanted of the connection.")
    status: ChannelConnectionStatus = Field(
        default=ChannelConnectionStatus(),
        description="What the operator found out about the connection.",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a whole connection."""
        return (
            name_rule(),
            name_length_rule(),
            Rule(
                name="name-is-not-reserved",
                cel=f"self.metadata.name != '{RESERVED_NAME}'",
                python=lambda value: value["metadata"]["name"] != RESERVED_NAME,
                message="The name portal is reserved for the portal's own chat, which every agent"
                " has without a ChannelConnection: choose another name, as website.",
                field_path=".metadata.name",
                reason="FieldValueForbidden",
            ),
        )


def _block_description(channel: ChannelType) -> str:
    text = f"A connection of type {channel.name}: {channel.config_schema['description']}"
    if channel.secret_keys:
        keys = " ".join(f"{one.key}: {one.description}" for one in channel.secret_keys)
        text += f" Keys of the Secret: {keys}"
    return text


def _block_rule(channel: ChannelType) -> Rule:
    name, block = channel.name, channel.block
    return Rule(
        name=f"{block.lower()}-matches-type",
        cel=f"has(self.{block}) == (self.type == '{name}')",
        python=lambda value: (block in value) == (value["type"] == name),
        message=f"The block `{block}` belongs to type {name} and to no other: write type: {name}"
        f" and the block `{block}` together, or remove the block.",
        field_path=f".{block}",
    )


def _secret_rule(channel: ChannelType) -> Rule:
    name = channel.name
    if channel.needs_secret:
        keys = ", ".join(one.key for one in channel.secret_keys)
        return Rule(
            name=f"{channel.block.lower()}-needs-credentials",
            cel=f"self.type != '{name}' || has(self.credentialsSecretRef)",
            python=lambda value: value["type"] != name or "credentialsSecretRef" in value,
            message=f"A connection of type {name} needs credentials: name a Secret with the keys"
            f" {keys} in credentialsSecretRef.",
            field_path=".credentialsSecretRef",
            reason="FieldValueRequired",
        )
    return Rule(
        name=f"{channel.block.lower()}-has-no-credentials",
        cel=f"self.type != '{name}' || !has(self.credentialsSecretRef)",
        python=lambda value: value["type"] != name or "credentialsSecretRef" not in value,
        message=f"A connection of type {name} has no credentials: remove credentialsSecretRef.",
        field_path=".credentialsSecretRef",
        reason="FieldValueForbidden",
    )


def _conflict_rule(channel: ChannelType, conflict: Conflict) -> Rule:
    block = channel.block
    together = " && ".join(
        f"self.{block}.{field} == '{value}'" for field, value in conflict.fields.items()
    )
    return Rule(
        name=conflict.name,
        cel=f"!has(self.{block}) || !({together})",
        python=lambda value: (
            block not in value
            or any(value[block].get(field) != wanted for field, wanted in conflict.fields.items())
        ),
        message=conflict.message,
        field_path=f".{block}.{conflict.blamed}",
        reason="FieldValueForbidden",
    )
