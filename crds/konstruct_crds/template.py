"""AgentTemplate: a starting point for agents."""

from typing import Annotated, Literal

from pydantic import Field

from konstruct_crds.agent import Instructions, Persona, Role, unique_escalations
from konstruct_crds.common import Status
from konstruct_crds.metadata import ObjectMeta, name_length_rule, name_rule
from konstruct_crds.part import DisplayName, Language, Part, keyed_by, ordered
from konstruct_crds.rules import Rule, texts_within
from konstruct_crds.tool import Escalation, Tool

_TRANSLATED_CHARACTERS = 131_072
Summary = Annotated[str, Field(max_length=512)]


class Translation(Part):
    """The template's texts in another language."""

    language: Language = Field(description="The language, as a BCP 47 tag: es, pt-BR.")
    display_name: DisplayName | None = Field(
        default=None, description="The template's name. Unset: the original's."
    )
    summary: Summary | None = Field(
        default=None, description="What the template is for. Unset: the original's."
    )
    role: Role | None = Field(default=None, description="The role. Unset: the original's.")
    persona: Persona | None = Field(default=None, description="The persona. Unset: the original's.")
    instructions: Instructions | None = Field(
        default=None, description="The instructions. Unset: the original's."
    )


class AgentTemplateSpec(Part):
    """What an agent made from the template begins with."""

    display_name: DisplayName = Field(description="The template's name as people see it.")
    summary: Summary | None = Field(
        default=None, description="What the template is for, in a sentence or two."
    )
    language: Language = Field(
        default="en", description="The language of the texts below, as a BCP 47 tag."
    )
    role: Role | None = Field(default=None, description="The agent's role to begin with.")
    persona: Persona | None = Field(default=None, description="The agent's persona to begin with.")
    instructions: Instructions | None = Field(
        default=None, description="The agent's instructions to begin with."
    )
    translations: tuple[Translation, ...] = Field(
        default=(),
        max_length=16,
        description="The texts in other languages.",
        json_schema_extra=keyed_by("language"),
    )
    tools: tuple[Tool, ...] = Field(
        default=(),
        max_length=64,
        description="The agent's tools to begin with.",
        json_schema_extra=keyed_by("name"),
    )
    escalation: tuple[Escalation, ...] = Field(
        default=(),
        max_length=32,
        description="The agent's escalation rules to begin with. The first that holds wins.",
        json_schema_extra=ordered(),
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a template's spec."""
        return (
            unique_escalations(),
            texts_within(
                "translations",
                "persona",
                "instructions",
                limit=_TRANSLATED_CHARACTERS,
                name="translations-are-short-together",
                message="The personas and instructions of all translations have more than"
                f" {_TRANSLATED_CHARACTERS} characters together: write shorter ones, or another"
                " AgentTemplate for some of the languages.",
            ),
            Rule(
                name="translation-is-in-another-language",
                cel="!has(self.translations) ||"
                " self.translations.all(one, one.language != self.language)",
                python=lambda value: all(
                    one["language"] != value["language"] for one in value.get("translations", [])
                ),
                message="A translation is in the template's own language: give it another language,"
                " or write its texts at the template itself.",
                field_path=".translations",
            ),
        )


class AgentTemplateStatus(Status):
    """What the operator found out about the template."""


class AgentTemplate(Part):
    """A starting point for agents: texts, tools and rules to copy, in several languages.

    An Agent made from it is a copy of its own and carries the annotation konstruct.dev/template;
    changing the template changes no agent.
    """

    api_version: Literal["konstruct.dev/v1alpha1"] = "konstruct.dev/v1alpha1"
    kind: Literal["AgentTemplate"] = "AgentTemplate"
    metadata: ObjectMeta = ObjectMeta()
    spec: AgentTemplateSpec = Field(description="What an agent made from the template begins with.")
    status: AgentTemplateStatus = Field(
        default=AgentTemplateStatus(),
        description="What the operator found out about the template.",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a whole template."""
        return (name_rule(), name_length_rule())
