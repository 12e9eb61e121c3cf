"""From a folder's documents to what the operator's checks and plans look at. Pure.

The folder stands for the API server: it has namespaces, Secrets and objects with a UID and a
generation; the "pod" of a tenant is a task of this process.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from konstruct_crds import Agent, AgentTemplate, ChannelConnection, Tenant
from konstruct_local.documents import Document, Key
from konstruct_local.folder_state import FolderState, secret_data
from konstruct_operator import names
from konstruct_operator.observed import (
    NamespaceView,
    Observed,
    PodsView,
    Registration,
    SealKeys,
    SecretKey,
    SecretView,
    WorkToken,
)
from konstruct_registry.wire import Report

Status = dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What does not come from the folder and is the same for all tenants.

    `digest_key` keys the versions of Secrets, which travel in the clear: without it a database
    dump would let one guess at short secrets.
    """

    seal_keys: SealKeys
    digest_key: bytes = field(repr=False)
    public_url: str
    uid_of: Callable[[Key], UUID]


@dataclass(frozen=True)
class TenantNow:
    """What is known of one tenant beside its declaration."""

    work_token_hash: str = ""
    running: bool = False
    failure: str = ""
    registration: Registration = field(default_factory=Registration)


@dataclass(frozen=True)
class World:
    """Every declared object, with the statuses that were last written."""

    folder: FolderState
    secrets: FolderState
    statuses: Mapping[Key, Status]
    generations: Mapping[Key, int]
    around: Surroundings
    reports: tuple[Report, ...] = ()

    def tenants(self) -> list[Tenant]:
        """Return the declared tenants by name."""
        return [Tenant.model_validate(self._object(one)) for one in self.folder.of_kind("Tenant")]

    def templates(self) -> list[AgentTemplate]:
        """Return the declared templates by name."""
        found = self.folder.of_kind("AgentTemplate")
        return [AgentTemplate.model_validate(self._object(one)) for one in found]

    def observe(self, tenant: Tenant, now: datetime, known: TenantNow) -> Observed:
        """Return everything about one tenant, as the operator would have read it."""
        namespace = names.namespace_of(tenant.metadata.name, tenant.spec.namespace or "")
        suspended = str(tenant.spec.operating_mode) == "Suspended"
        return Observed(
            tenant=tenant,
            now=now,
            agents=tuple(self.agents(namespace)),
            connections=tuple(self.connections(namespace)),
            templates=tuple(self.templates()),
            namespace=self._namespace(namespace, tenant),
            secrets=self._secrets(namespace),
            work_token=WorkToken(current=known.work_token_hash),
            pods=PodsView(
                wanted=0 if suspended else 1,
                available=1 if known.running else 0,
                message=known.failure,
            ),
            registration=known.registration,
            reports=self.reports,
            seal_keys=self.around.seal_keys,
            missing_seconds=0,
            public_url=self.around.public_url,
        )

    def agents(self, namespace: str | None = None) -> list[Agent]:
        """Return the declared agents, of one namespace where one is given."""
        found = self.folder.of_kind("Agent")
        return [
            Agent.model_validate(self._object(one))
            for one in found
            if namespace in {None, one.namespace}
        ]

    def connections(self, namespace: str | None = None) -> list[ChannelConnection]:
        """Return the declared connections, of one namespace where one is given."""
        found = self.folder.of_kind("ChannelConnection")
        return [
            ChannelConnection.model_validate(self._object(one))
            for one in found
            if namespace in {None, one.namespace}
        ]

    def _object(self, document: Document) -> dict[str, Any]:
        metadata = {
            name: value
            for name, value in document.content["metadata"].items()
            if name in {"name", "labels", "annotations"} and value is not None
        }
        metadata |= {
            "namespace": document.namespace,
            "uid": str(self.around.uid_of(document.key)),
            "generation": self.generations.get(document.key, 1),
        }
        whole = {**document.content, "metadata": metadata}
        whole.pop("status", None)
        status = self.statuses.get(document.key)
        return {**whole, "status": status} if status else whole

    def _namespace(self, name: str, tenant: Tenant) -> NamespaceView | None:
        """Return a declared namespace; the one that the operator would make is simply there."""
        for document in self.folder.of_kind("Namespace"):
            if document.name == name:
                labels = document.content["metadata"].get("labels") or {}
                return NamespaceView(name, tenant=str(labels.get(names.LABEL_TENANT, "")))
        if tenant.spec.namespace:
            return None
        return NamespaceView(name, tenant=tenant.metadata.name, created_by_us=True)

    def _secrets(self, namespace: str) -> dict[SecretKey, SecretView]:
        found: dict[SecretKey, SecretView] = {}
        for state in (self.folder, self.secrets):
            for document in state.of_kind("Secret"):
                if document.namespace == namespace:
                    found[namespace, document.name] = self._secret(document)
        return found

    def _secret(self, document: Document) -> SecretView:
        data = secret_data(document.content)
        labels = document.content["metadata"].get("labels") or {}
        text = "\0".join(f"{name}\0{value}" for name, value in sorted(data.items()))
        return SecretView(
            name=document.name,
            uid=str(self.around.uid_of(document.key)),
            resource_version=hmac.new(
                self.around.digest_key, text.encode(), hashlib.sha256
            ).hexdigest()[:32],
            labels={str(name): str(value) for name, value in labels.items()},
            data=data,
        )
