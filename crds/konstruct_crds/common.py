"""Parts that more than one kind has."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from konstruct_crds.conditions import Condition, ConditionType, pending_condition
from konstruct_crds.part import MicroUSD, ModelName, Part, SecretName, keyed_by, ordered
from konstruct_crds.rules import Rule, value_at


class OperatingMode(StrEnum):
    """Whether something works."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"


class OnLimit(StrEnum):
    """What happens when a budget is used up."""

    REFUSE = "Refuse"
    USE_FALLBACK_MODEL = "UseFallbackModel"


class SecretReference(Part):
    """A Secret in the same namespace, by name."""

    name: SecretName = Field(
        description="The Secret's name. The Secret must lie in the tenant's namespace and carry the"
        " label konstruct.dev/use; Konstruct reads no other Secret."
    )


class AgentReference(Part):
    """An Agent in the same namespace, by name."""

    name: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        description="The Agent's name (metadata.name)."
    )


class Budget(Part):
    """A limit on what models may cost in a calendar month of the tenant's time zone."""

    monthly_micro_usd: MicroUSD = Field(
        description="The limit per calendar month in micro-USD: 25000000 is 25 US dollars. It is"
        " checked before each call to a model. 0 allows no paid call at all."
    )
    soft_percent: int = Field(
        default=80,
        ge=1,
        le=100,
        description="From this percentage of the limit on, condition BudgetAvailable and the portal"
        " warn. Nothing is refused yet.",
    )
    on_limit: OnLimit = Field(
        default=OnLimit.REFUSE,
        description="What happens at the limit. Refuse: the agent says that it can answer again"
        " next month, and messages are kept. UseFallbackModel: those of models.fallbacks that"
        " cost less than the default model answer beyond the limit.",
    )
    per_person_micro_usd: MicroUSD | None = Field(
        default=None,
        description="The most that one person's conversations may cost in a calendar month, in"
        " micro-USD, so that one person cannot use up everybody's budget. Unset: no such limit.",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a budget."""
        return (
            Rule(
                name="budget-per-person-within-monthly",
                cel="!has(self.perPersonMicroUSD) || self.perPersonMicroUSD <="
                " self.monthlyMicroUSD",
                python=lambda value: (
                    value.get("perPersonMicroUSD", 0) <= value.get("monthlyMicroUSD", 0)
                ),
                message="perPersonMicroUSD is more than monthlyMicroUSD, so it would never be"
                " reached: write at most monthlyMicroUSD, or leave it out.",
                field_path=".perPersonMicroUSD",
            ),
        )


class ModelPurposes(Part):
    """Models for particular work; what is not named uses `default`."""

    embedding: ModelName | None = Field(
        default=None,
        description="The model that makes embeddings for recall and knowledge. It must make"
        " vectors of 384 dimensions.",
    )


class ModelChoice(Part):
    """Which models of the platform's pool to use. Names are those of the pool (models.yaml)."""

    default: ModelName | None = Field(
        default=None,
        description="The model that answers, by its name in the platform's pool. Unset: the"
        " tenant's, and then the pool's default.",
    )
    fallbacks: tuple[ModelName, ...] = Field(
        default=(),
        max_length=8,
        description="Models to try in this order when the default one fails or its provider is"
        " down, by their names in the pool.",
        json_schema_extra=ordered(),
    )
    by_purpose: ModelPurposes | None = Field(
        default=None, description="Models for particular work, where it is not the default's."
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a choice of models."""
        return (
            Rule(
                name="model-fallbacks-differ",
                cel="!has(self.fallbacks) ||"
                " self.fallbacks.all(one, self.fallbacks.exists_one(other, other == one))",
                python=lambda value: _different(value.get("fallbacks", [])),
                message="A model is named twice in fallbacks: name each model once, in the order in"
                " which they are to be tried.",
                field_path=".fallbacks",
            ),
            Rule(
                name="model-default-is-no-fallback",
                cel="!has(self.default) || !has(self.fallbacks)"
                " || !(self.default in self.fallbacks)",
                python=lambda value: value.get("default") not in value.get("fallbacks", []),
                message="The default model is also named in fallbacks, where it would fail a second"
                " time: name other models there.",
                field_path=".fallbacks",
            ),
        )


class Status(Part):
    """What the operator found out. `told` are the kind's own conditions, and what each means."""

    told: ClassVar[Mapping[ConditionType, str]] = {}

    observed_generation: int = Field(
        default=0,
        ge=0,
        description="The metadata.generation that the operator looked at last. Below the object's"
        " own generation, this status is about an older declaration.",
        json_schema_extra={"format": "int64"},
    )
    conditions: tuple[Condition, ...] = Field(
        default=(pending_condition(),),
        max_length=16,
        description="What is and is not so, with reasons. Ready sums up: the declared state is in"
        " effect. Reconciling: the operator is working or waiting. Stalled: it cannot go on until"
        " somebody changes something; the message says what.",
        json_schema_extra=keyed_by("type"),
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema, with the kind's own conditions explained."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        conditions = schema["properties"]["conditions"]
        told = " ".join(f"{one.value}: {text}" for one, text in cls.told.items())
        conditions["description"] = f"{conditions['description']} {told}".strip()
        return schema


def needs_fallback_rule() -> Rule:
    """Return the rule over a spec with `budget` and `models` that a fallback exists to be used."""
    return Rule(
        name="budget-fallback-is-declared",
        cel="!has(self.budget) || self.budget.onLimit != 'UseFallbackModel' ||"
        " (has(self.models) && has(self.models.fallbacks) && size(self.models.fallbacks) > 0)",
        python=_fallback_is_declared,
        message="budget.onLimit is UseFallbackModel, but models.fallbacks names no model: name one"
        " there, or write onLimit: Refuse.",
        field_path=".budget.onLimit",
    )


def _fallback_is_declared(value: dict[str, Any]) -> bool:
    if value_at(value, "budget", "onLimit") != OnLimit.USE_FALLBACK_MODEL.value:
        return True
    return bool(value_at(value, "models", "fallbacks"))


def _different(items: list[str]) -> bool:
    return len(set(items)) == len(items)
