"""Requests and answers of the registry API (gateway, internal port, `/internal/registry`)."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from konstruct_registry.snapshot import TenantSnapshot, Wire


class SessionOpened(Wire):
    """Answer of `POST /internal/registry/sessions`: the number this leader's pushes carry."""

    session: int = Field(ge=1)


class StoredTenant(Wire):
    """What the gateway has of one tenant."""

    tenant_id: UUID
    name: str
    uid: str
    digest: str


class StoredTenants(Wire):
    """Answer of `GET /internal/registry/tenants`."""

    tenants: tuple[StoredTenant, ...]


class Push(Wire):
    """Body of `PUT /internal/registry/tenants/{tenantId}`: one whole tenant."""

    session: int = Field(ge=1)
    sequence: int = Field(ge=1)
    digest: str
    snapshot: TenantSnapshot


class Tombstone(Wire):
    """Body of `POST /internal/registry/tenants/{tenantId}/tombstone`: the tenant is gone."""

    session: int = Field(ge=1)
    sequence: int = Field(ge=1)
    name: str
    uid: str
    on_delete: Literal["Keep", "Erase"]


class RefusalReason(StrEnum):
    """Why a push or tombstone got 409 (410 for TenantIDErased)."""

    UNKNOWN_SESSION = "UnknownSession"
    STALE_SESSION = "StaleSession"
    STALE_SEQUENCE = "StaleSequence"
    TENANT_ID_TAKEN = "TenantIDTaken"
    TENANT_ID_ERASED = "TenantIDErased"


class Refusal(Wire):
    """Body of a refusal: a reason for programs, a message for people."""

    reason: RefusalReason
    message: str


class Report(Wire):
    """What a program learnt about an object, to become a condition of the state `digest`."""

    tenant_id: UUID
    digest: str
    kind: Literal["Tenant", "Agent", "ChannelConnection"]
    name: str
    condition: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    version: str = Field(
        default="", description="Which version of the Secret is in use, as UID/resourceVersion"
    )


class Demand(Wire):
    """Answer of `GET /internal/registry/demand?version=V&waitSeconds=S` (long poll, at most 30 s).

    Always complete: every tenant wanted awake and every report there is. It returns at once when
    `version` is not the current one.
    """

    version: str
    awake: tuple[UUID, ...]
    reports: tuple[Report, ...] = ()
