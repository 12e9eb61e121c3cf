"""Agent: an AI employee of a tenant."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from konstruct_crds.common import Budget, ModelChoice, OperatingMode, Status
from konstruct_crds.conditions import ConditionType
from konstruct_crds.metadata import ObjectMeta, name_length_rule, name_rule
from konstruct_crds.part import (
    DisplayName,
    ItemName,
    Language,
    Part,
    WebAddress,
    keyed_by,
    ordered,
)
from konstruct_crds.rules import Rule, texts_within, unique_names
from konstruct_crds.tool import Escalation, Tool

Role = Annotated[str, Field(max_length=512)]
Persona = Annotated[str, Field(max_length=8192)]
Instructions = Annotated[str, Field(max_length=32_768)]
_KNOWLEDGE_CHARACTERS = 131_072


class Recall(StrEnum):
    """Whether past conversations are searched for what matters now."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


class KnowledgeType(StrEnum):
    """Where a piece of knowledge is."""

    TEXT = "Text"
    URL = "URL"


class HandOffType(StrEnum):
    """Where the humans are."""

    PORTAL = "Portal"
    SLACK = "Slack"
    EMAIL = "Email"


class Avatar(Part):
    """The agent's picture."""

    emoji: Annotated[str, Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="An emoji."
    )
    url: WebAddress | None = Field(
        default=None, description="The address of a square picture, best over https."
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over an avatar."""
        return (
            Rule(
                name="avatar-is-one-picture",
                cel="has(self.emoji) != has(self.url)",
                python=lambda value: ("emoji" in value) != ("url" in value),
                message="An avatar is either an emoji or the url of a picture: write exactly one"
                " of the two.",
            ),
        )


class Memory(Part):
    """What the agent remembers."""

    window_turns: int = Field(
        default=20,
        ge=0,
        le=200,
        description="How many of the conversation's last turns the agent sees.",
    )
    recall: Recall = Field(
        default=Recall.DISABLED,
        description="Enabled: what was said to this person in older conversations is searched for"
        " what matters now.",
    )
    recall_limit: int = Field(
        default=8,
        ge=1,
        le=32,
        description="How many memories are recalled at most.",
    )


class Knowledge(Part):
    """Something the agent can look up."""

    name: ItemName = Field(description="Its name, unique in the agent.")
    type: KnowledgeType = Field(
        description="Text: written here, in `text`. URL: a page at `url`, read again every day."
    )
    text: Annotated[str, Field(min_length=1, max_length=16_384)] | None = Field(
        default=None, description="The knowledge itself, as plain text or Markdown."
    )
    url: WebAddress | None = Field(default=None, description="The address of a page.")

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a piece of knowledge."""
        return (
            _knowledge_rule("text", KnowledgeType.TEXT),
            _knowledge_rule("url", KnowledgeType.URL),
        )


class HandOff(Part):
    """Where humans can be found when the agent should not go on alone."""

    name: ItemName = Field(description="Its name, unique in the agent; escalations name it.")
    type: HandOffType = Field(
        description="Portal: the tenant's operators in the portal. Slack: a channel. Email: an"
        " address."
    )
    target: Annotated[str, Field(min_length=1, max_length=254)] | None = Field(
        default=None,
        description="The Slack channel's id, or the e-mail address. For Portal, leave it out.",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a hand-off."""
        return (
            Rule(
                name="hand-off-target-matches-type",
                cel="has(self.target) == (self.type != 'Portal')",
                python=lambda value: ("target" in value) == (value.get("type") != "Portal"),
                message="`target` tells where: write the channel's id for type Slack, the address"
                " for type Email, and leave it out for type Portal.",
                field_path=".target",
            ),
        )


class AgentSpec(Part):
    """What is wanted of an agent."""

    display_name: DisplayName = Field(description="The agent's name as people see it.")
    role: Role | None = Field(
        default=None,
        description="What the agent is employed for, in a sentence: Answers customers' questions"
        " about orders and deliveries.",
    )
    persona: Persona | None = Field(
        default=None, description="How the agent is: tone, manners, what it never says."
    )
    instructions: Instructions | None = Field(
        default=None,
        description="What the agent has to know and do, as you would write it down for a new"
        " colleague. That it is an AI is always added, and cannot be removed.",
    )
    language: Language | None = Field(
        default=None,
        description="The language the agent answers in, as a BCP 47 tag: en, es, pt-BR. Unset: the"
        " tenant's. A person who writes in another language is answered in that one.",
    )
    models: ModelChoice | None = Field(
        default=None, description="Which models answer. Unset: the tenant's."
    )
    avatar: Avatar | None = Field(default=None, description="The agent's picture.")
    operating_mode: OperatingMode = Field(
        default=OperatingMode.RUNNING,
        description="Suspended: the agent does not answer; what people write is kept.",
    )
    tools: tuple[Tool, ...] = Field(
        default=(),
        max_length=64,
        description="What the agent can do beyond talking.",
        json_schema_extra=keyed_by("name"),
    )
    escalation: tuple[Escalation, ...] = Field(
        default=(),
        max_length=32,
        description="When the conversation goes to somebody else. The first rule that holds wins.",
        json_schema_extra=ordered(),
    )
    hand_off: tuple[HandOff, ...] = Field(
        default=(),
        max_length=16,
        description="Where humans can be found.",
        json_schema_extra=keyed_by("name"),
    )
    memory: Memory = Field(default=Memory(), description="What the agent remembers.")
    knowledge: tuple[Knowledge, ...] = Field(
        default=(),
        max_length=64,
        description="What the agent can look up.",
        json_schema_extra=keyed_by("name"),
    )
    budget: Budget | None = Field(
        default=None,
        description="What this agent's models may cost, within the tenant's budget. Unset: the"
        " tenant's alone.",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over an agent's spec."""
        return (
            unique_escalations(),
            Rule(
                name="escalation-finds-its-hand-off",
                cel="!has(self.escalation) || self.escalation.all(rule, rule.to.type != 'HandOff'"
                " || (has(self.handOff) && self.handOff.exists(one, one.name == rule.to.target)))",
                python=_escalations_find_hand_offs,
                message="An escalation goes to a handOff entry that does not exist: add it to"
                " handOff, as {name: support, type: Portal}, or name one that is there.",
                field_path=".escalation",
            ),
            texts_within(
                "knowledge",
                "text",
                limit=_KNOWLEDGE_CHARACTERS,
                name="knowledge-is-short-together",
                message=f"The texts of knowledge have more than {_KNOWLEDGE_CHARACTERS} characters"
                " together: write the longest ones on pages, and give those with type: URL.",
            ),
        )


class AgentStatus(Status):
    """What the operator found out about the agent."""

    told: ClassVar[Mapping[ConditionType, str]] = {
        ConditionType.ACCEPTED: "escalation rules can be read, and the models named exist.",
        ConditionType.SECRETS_READY: "the Secrets that the tools name can be used.",
    }


class Agent(Part):
    """An AI employee: who it is, what it knows, what it may do.

    It lives in its tenant's namespace. ChannelConnections bring it messages.
    """

    api_version: Literal["konstruct.dev/v1alpha1"] = "konstruct.dev/v1alpha1"
    kind: Literal["Agent"] = "Agent"
    metadata: ObjectMeta = ObjectMeta()
    spec: AgentSpec = Field(description="What is wanted of the agent.")
    status: AgentStatus = Field(
        default=AgentStatus(), description="What the operator found out about the agent."
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a whole agent."""
        return (name_rule(), name_length_rule())


def unique_escalations() -> Rule:
    """Return the rule over a spec with `escalation` that its names differ."""
    return unique_names(
        "escalation",
        "Two escalation rules have the same name: give each a name of its own.",
        name="escalation-names-differ",
    )


def _knowledge_rule(field: str, knowledge_type: KnowledgeType) -> Rule:
    return Rule(
        name=f"knowledge-{field}-matches-type",
        cel=f"has(self.{field}) == (self.type == '{knowledge_type.value}')",
        python=lambda value: (field in value) == (value.get("type") == knowledge_type.value),
        message=f"`{field}` belongs to knowledge of type {knowledge_type.value} and to no other:"
        f" write both, or remove {field}.",
        field_path=f".{field}",
    )


def _escalations_find_hand_offs(value: dict[str, Any]) -> bool:
    known = {one["name"] for one in value.get("handOff", [])}
    return all(
        rule["to"]["target"] in known
        for rule in value.get("escalation", [])
        if rule["to"]["type"] == "HandOff"
    )
