"""Tenant: one customer, in a namespace of its own."""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from konstruct_crds.common import (
    Budget,
    ModelChoice,
    OperatingMode,
    SecretReference,
    Status,
    needs_fallback_rule,
)
from konstruct_crds.conditions import ConditionType
from konstruct_crds.metadata import ObjectMeta, name_length_rule, name_rule
from konstruct_crds.part import DisplayName, Language, NamespaceName, Part
from konstruct_crds.rules import Rule, value_at

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

Processors = Annotated[
    str, Field(min_length=1, max_length=16, pattern=r"^([1-9][0-9]*m?|[0-9]+\.[0-9]{1,3})$")
]
Memory = Annotated[str, Field(min_length=2, max_length=16, pattern=r"^[1-9][0-9]*(Ki|Mi|Gi)$")]


class OnDelete(StrEnum):
    """What the end of the Tenant does to its data."""

    KEEP = "Keep"
    ERASE = "Erase"


class TenantModels(ModelChoice):
    """Which models the tenant's agents use, and whose keys pay for them."""

    provider_keys_secret_ref: SecretReference | None = Field(
        default=None,
        description="A Secret with the customer's own provider keys, labelled konstruct.dev/use:"
        " models; each key of the Secret is the environment variable of a provider"
        " (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...). Unset: the platform's keys are used.",
    )


class Amounts(Part):
    """Amounts of processor and memory."""

    cpu: Processors | None = Field(
        default=None, description="Processor time: 250m is a quarter of a core."
    )
    memory: Memory | None = Field(
        default=None, description="Memory: 512Mi. Whole numbers with Ki, Mi or Gi."
    )


class PodResources(Part):
    """What one pod of the tenant asks for and may use, as in a container's resources."""

    requests: Amounts | None = Field(
        default=None, description="What a node must have free for the pod."
    )
    limits: Amounts | None = Field(
        default=None, description="What the pod may use at most; above the memory it is ended."
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a pod's resources."""
        return tuple(
            Rule(
                name=f"{resource}-request-within-limit",
                cel=f"!has(self.requests) || !has(self.limits) || !has(self.requests.{resource})"
                f" || !has(self.limits.{resource}) || quantity(self.requests.{resource})"
                f".compareTo(quantity(self.limits.{resource})) <= 0",
                python=_request_within_limit(resource),
                message=f"requests.{resource} is more than limits.{resource}: raise the limit, or"
                " ask for less.",
                field_path=f".requests.{resource}",
            )
            for resource in ("cpu", "memory")
        )


class Runtime(Part):
    """The pods in which the tenant's agents think. All agents of a tenant share them."""

    min_replicas: int = Field(
        default=1,
        ge=0,
        le=16,
        description="How many pods always run. 0: the tenant sleeps when nobody writes, and the"
        " first message wakes it within seconds.",
    )
    idle_after_seconds: int = Field(
        default=900,
        ge=60,
        le=86_400,
        description="With minReplicas 0: after how many seconds without work the tenant falls"
        " asleep.",
    )
    resources: PodResources | None = Field(
        default=None,
        description="Processor and memory of one pod. Unset: the platform's default.",
    )


class Retention(Part):
    """How long conversations are kept, and what becomes of them in the end."""

    conversation_days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="After how many days a settled conversation is erased.",
    )
    on_delete: OnDelete = Field(
        default=OnDelete.KEEP,
        description="What deleting the Tenant does to its data. Keep: they stay, and a Tenant of"
        " the same name and pinned id gets them back. Erase: they are erased for good, and the id"
        " is never given again.",
    )


class TenantSpec(Part):
    """What is wanted of a tenant."""

    display_name: DisplayName = Field(
        description="The customer's name as people read it in the portal."
    )
    id: Annotated[str, Field(min_length=36, max_length=36, pattern=_UUID)] | None = Field(
        default=None,
        description="The UUID under which the tenant's data are stored. Pin it in Git to keep the"
        " data through a rebuilt cluster: to a new UUID (uuidgen) for a new tenant, to status.id"
        " for one that exists. Unset: the object's UID. It cannot be changed.",
    )
    namespace: NamespaceName | None = Field(
        default=None,
        description="The namespace of the tenant's Agents and ChannelConnections. Set: it must"
        " exist and carry the label konstruct.dev/tenant with the Tenant's name. Unset: the"
        " operator creates tenant-NAME. It cannot be changed.",
    )
    language: Language = Field(
        default="en",
        description="The language of the tenant's people, as a BCP 47 tag: en, es, pt-BR. Agents"
        " answer in it unless the person writes in another.",
    )
    time_zone: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*){0,2}$",
        ),
    ] = Field(
        default="Etc/UTC",
        description="The IANA time zone of the tenant's calendar: Europe/Madrid, America/Sao_Paulo."
        " Budgets count months in it, and agents tell the time in it.",
    )
    operating_mode: OperatingMode = Field(
        default=OperatingMode.RUNNING,
        description="Suspended: no agent of the tenant answers and its pods end; what people write"
        " is kept for 24 hours and answered if it runs again by then.",
    )
    budget: Budget | None = Field(
        default=None, description="What the tenant's models may cost. Unset: no limit."
    )
    models: TenantModels | None = Field(
        default=None,
        description="Which models the tenant's agents use. Unset: the platform's default.",
    )
    runtime: Runtime = Field(
        default=Runtime(), description="The pods in which the tenant's agents think."
    )
    retention: Retention = Field(
        default=Retention(),
        description="How long conversations are kept, and what becomes of them in the end.",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a tenant's spec."""
        return (
            Rule(
                name="id-stays",
                cel="!has(oldSelf.id) || (has(self.id) && self.id == oldSelf.id)",
                transition=lambda value, old: "id" not in old or value.get("id") == old["id"],
                message="id cannot be changed or removed, because the tenant's data are stored"
                " under it: write the old id again, or create another Tenant.",
                field_path=".id",
                reason="FieldValueForbidden",
            ),
            Rule(
                name="namespace-stays",
                cel="!has(oldSelf.__namespace__) || (has(self.__namespace__) &&"
                " self.__namespace__ == oldSelf.__namespace__)",
                transition=lambda value, old: (
                    "namespace" not in old or value.get("namespace") == old["namespace"]
                ),
                message="namespace cannot be changed or removed, because the tenant's objects live"
                " there: write the old namespace again, or create another Tenant.",
                field_path=".namespace",
                reason="FieldValueForbidden",
            ),
            Rule(
                name="namespace-is-not-the-platforms",
                cel="!has(self.__namespace__) || (self.__namespace__ != 'default' &&"
                " !self.__namespace__.startsWith('kube-'))",
                python=lambda value: (
                    value.get("namespace") != "default"
                    and not value.get("namespace", "").startswith("kube-")
                ),
                message="namespace names a namespace of the platform: name one that belongs to the"
                " tenant alone, or leave it out and the operator creates tenant-NAME.",
                field_path=".namespace",
            ),
            needs_fallback_rule(),
        )


class TenantStatus(Status):
    """What the operator found out about the tenant."""

    told: ClassVar[Mapping[ConditionType, str]] = {
        ConditionType.NAMESPACE_READY: "the tenant's namespace exists and belongs to it.",
        ConditionType.SECRETS_READY: "the Secret with provider keys, if one is named, can be used.",
        ConditionType.REGISTERED: "the gateway knows the tenant as it is declared.",
        ConditionType.AVAILABLE: "enough pods run, or the tenant sleeps as it should.",
        ConditionType.BUDGET_AVAILABLE: "this month's budget is not used up.",
        ConditionType.MODELS_READY: "the providers take the tenant's own keys, if it names any.",
    }

    id: str | None = Field(
        default=None,
        max_length=36,
        description="The UUID under which the tenant's data are stored.",
    )
    namespace: str | None = Field(
        default=None, max_length=63, description="The tenant's namespace."
    )
    provider_keys_version: str | None = Field(
        default=None,
        max_length=128,
        description="Which version of the Secret with provider keys is in use, as"
        " UID/resourceVersion; an older one than the Secret's while new keys are refused.",
    )
    agents: int | None = Field(default=None, ge=0, description="How many Agents the tenant has.")
    channel_connections: int | None = Field(
        default=None, ge=0, description="How many ChannelConnections the tenant has."
    )


class Tenant(Part):
    """A customer: an isolated namespace with its agents, channels, budget and data.

    Deleting a Tenant deletes its namespace if the operator created it, and its data if
    spec.retention.onDelete is Erase.
    """

    api_version: Literal["konstruct.dev/v1alpha1"] = "konstruct.dev/v1alpha1"
    kind: Literal["Tenant"] = "Tenant"
    metadata: ObjectMeta = ObjectMeta()
    spec: TenantSpec = Field(description="What is wanted of the tenant.")
    status: TenantStatus = Field(
        default=TenantStatus(), description="What the operator found out about the tenant."
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a whole tenant."""
        return (
            name_rule(),
            name_length_rule(),
            _pinned_later("id", "id", "the id that status.id shows"),
            _pinned_later(
                "namespace", "__namespace__", "the namespace that status.namespace shows"
            ),
        )


def _pinned_later(field: str, cel_field: str, what: str) -> Rule:
    return Rule(
        name=f"{field}-is-pinned-as-it-is",
        cel=f"has(oldSelf.spec.{cel_field}) || !has(self.spec.{cel_field}) || (has(self.status) &&"
        f" has(self.status.{cel_field}) && self.status.{cel_field} == self.spec.{cel_field})",
        transition=lambda value, old: (
            field in old["spec"]
            or field not in value["spec"]
            or value_at(value, "status", field) == value["spec"][field]
        ),
        message=f"{field} can be added to a Tenant that exists only as it already is: write {what},"
        " or leave it out.",
        field_path=f".spec.{field}",
        reason="FieldValueForbidden",
    )


def _request_within_limit(resource: str) -> Any:
    def check(value: dict[str, Any]) -> bool:
        request = value_at(value, "requests", resource)
        limit = value_at(value, "limits", resource)
        return request is None or limit is None or _quantity(request) <= _quantity(limit)

    return check


def _quantity(text: str) -> Fraction:
    units = {"m": Fraction(1, 1000), "Ki": Fraction(2**10), "Mi": Fraction(2**20)}
    units["Gi"] = Fraction(2**30)
    unit = next((one for one in units if text.endswith(one)), "")
    return Fraction(text.removesuffix(unit)) * units.get(unit, Fraction(1))
