"""The portal's port to resources held in memory, and a tenant's worth of them to show."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from konstruct_portal.resources import (
    Resource,
    ResourceConflict,
    ResourceNotFound,
    secret_document,
)

ACME = UUID("11111111-1111-4111-8111-111111111111")


GLOBEX = UUID("22222222-2222-4222-8222-222222222222")


SINCE = "2026-11-22T09:00:00Z"


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": SINCE,
    }


def resource(
    kind: str,
    name: str,
    namespace: str = "",
    *,
    spec: dict[str, Any],
    conditions: list[dict[str, str]] | None = None,
    status: dict[str, Any] | None = None,
) -> Resource:
    return Resource(
        kind=kind,
        name=name,
        namespace=namespace,
        spec=spec,
        status={"conditions": conditions or [condition("Ready", "True", "Ready")]} | (status or {}),
        resource_version="1",
        source=f"samples/{name}.yaml:1",
    )


@dataclass
class MemoryResources:
    """Resources in a dictionary; `refuse` is raised by the next write."""

    items: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    secrets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    editable: bool = True
    refuse: Exception | None = None
    unreachable: Exception | None = None

    def add(self, *resources: Resource) -> "MemoryResources":
        for one in resources:
            self.items[one.kind, one.namespace, one.name] = one
        return self

    async def list(self, kind: str, *, namespace: str | None = None) -> list[Resource]:
        self._reach()
        return sorted(
            (
                one
                for one in self.items.values()
                if one.kind == kind and namespace in {None, one.namespace}
            ),
            key=lambda one: one.name,
        )

    async def get(self, kind: str, name: str, *, namespace: str | None = None) -> Resource:
        self._reach()
        try:
            return self.items[kind, namespace or "", name]
        except KeyError:
            raise ResourceNotFound(kind, name) from None

    async def replace_spec(
        self, resource: Resource, spec: dict[str, Any], *, dry_run: bool = False
    ) -> Resource:
        self._reach()
        self._maybe_refuse()
        stored = await self.get(resource.kind, resource.name, namespace=resource.namespace)
        if stored.resource_version != resource.resource_version:
            raise ResourceConflict("", "The resource changed since it was read.")
        made = replace(
            stored, spec=copy.deepcopy(spec), resource_version=str(int(stored.resource_version) + 1)
        )
        if not dry_run:
            self.add(made)
        return made

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        self._reach()
        self._maybe_refuse()
        if (resource.kind, resource.namespace, resource.name) in self.items:
            raise ResourceConflict("", f"There is a {resource.kind} called {resource.name}.")
        made = replace(resource, resource_version="1")
        if not dry_run:
            self.add(made)
        return made

    async def create_secret(
        self, namespace: str, prefix: str, data: Mapping[str, str], *, use: str
    ) -> str:
        self._reach()
        name = f"{prefix}{len(self.secrets):05d}"
        self.secrets[namespace, name] = secret_document(prefix, data, use=use, name=name)
        return name

    async def delete(self, resource: Resource) -> None:
        del self.items[resource.kind, resource.namespace, resource.name]

    def _maybe_refuse(self) -> None:
        if self.refuse is not None:
            refusal, self.refuse = self.refuse, None
            raise refusal

    def _reach(self) -> None:
        if self.unreachable is not None:
            raise self.unreachable


def sample_resources() -> MemoryResources:
    """Two tenants: one in good order, one that needs attention."""
    return MemoryResources().add(
        resource(
            "Tenant",
            "acme",
            spec={
                "displayName": "Acme Robotics",
                "timeZone": "America/Sao_Paulo",
                "language": "pt-BR",
                "budget": {"monthlyMicroUSD": 50_000_000, "softPercent": 80},
            },
            conditions=[
                condition("Ready", "True", "Ready", "The tenant's pod answers."),
                condition("NamespaceReady", "True", "NamespaceOwned", "It is this tenant's."),
                condition("SecretsReady", "True", "NoSecretsNamed"),
                condition("Registered", "True", "Registered", "The runtime knows this state."),
                condition("Available", "True", "PodsReady", "1 of 1 pods is ready."),
                condition("BudgetAvailable", "True", "WithinBudget"),
                condition("Reconciling", "False", "Settled"),
                condition("Stalled", "False", "Settled"),
            ],
            status={"id": str(ACME), "namespace": "tenant-acme"},
        ),
        resource(
            "Tenant",
            "globex",
            spec={"displayName": "Globex Foods"},
            conditions=[
                condition("Ready", "False", "SecretNotLabelled", _UNLABELLED),
                condition("SecretsReady", "False", "SecretNotLabelled", _UNLABELLED),
                condition("Stalled", "True", "SecretNotLabelled", _UNLABELLED),
            ],
            status={"id": str(GLOBEX), "namespace": "tenant-globex"},
        ),
        _agent("ana", "Ana", "Answers customers' first questions", "🦊"),
        _agent("bruno", "Bruno", "Knows every invoice", "", mode="Suspended"),
        _connection("website", "WebChat"),
        _connection(
            "team",
            "Slack",
            [
                condition("Ready", "False", "AuthenticationFailed", _REVOKED),
                condition("Authenticated", "False", "AuthenticationFailed", _REVOKED),
                condition("Reconciling", "False", "Stalled"),
                condition("Stalled", "True", "AuthenticationFailed", _REVOKED),
            ],
        ),
    )


def _agent(name: str, display: str, role: str, emoji: str, mode: str = "Running") -> Resource:
    suspended = mode == "Suspended"
    return resource(
        "Agent",
        name,
        "tenant-acme",
        spec={
            "displayName": display,
            "role": role,
            "persona": "Warm, brief and honest.",
            "instructions": "Answer from the price list.\nNever promise a delivery date.",
            "operatingMode": mode,
            "models": {"default": "gpt-5-mini", "fallbacks": ["claude-haiku"]},
            "memory": {"windowTurns": 20, "recall": "Disabled", "recallLimit": 8},
            "tools": [{"name": "clock", "type": "BuiltIn"}],
            **({"avatar": {"emoji": emoji}} if emoji else {}),
        },
        conditions=[
            condition("Ready", "True", "Suspended" if suspended else "Ready"),
            condition("Accepted", "True", "Accepted"),
            condition("SecretsReady", "True", "NoSecretsNamed"),
            condition("Reconciling", "False", "Settled"),
            condition("Stalled", "False", "Settled"),
        ],
    )


def _connection(name: str, kind: str, conditions: list[dict[str, str]] | None = None) -> Resource:
    return resource(
        "ChannelConnection",
        name,
        "tenant-acme",
        spec={
            "type": kind,
            "agentRef": {"name": "ana"},
            "gatherMilliseconds": 2000,
            **_BLOCKS[kind],
        },
        conditions=conditions,
    )


_BLOCKS: dict[str, dict[str, Any]] = {
    "WebChat": {"webChat": {"visitors": "Allowed"}},
    "Slack": {
        "credentialsSecretRef": {"name": "slack-team"},
        "slack": {"appId": "A0KONSTRUCT", "teamId": "T0ACME"},
    },
}


_UNLABELLED = (
    "Secret model-keys is not labelled for use by Konstruct. Run: kubectl -n tenant-globex label"
    " secret model-keys konstruct.dev/use=models"
)


_REVOKED = (
    "Slack answers token_revoked. Install the app again and put the new bot token into the Secret"
    " slack-team."
)
