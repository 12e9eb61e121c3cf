"""The registry: what the operator pushed of each tenant, and what programs report back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from konstruct_registry.snapshot import OperatingMode, SealedSecret, TenantSnapshot
from konstruct_registry.wire import Push, Report, StoredTenant, Tombstone
from konstruct_store import audit
from konstruct_store.errors import (
    StaleSequence,
    StaleSession,
    TenantIdErased,
    TenantIdTaken,
    UnknownSession,
)
from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class Verified:
    """The sealed credentials that a connection's vendor took, asked about this config."""

    tenant_id: UUID
    connection_id: UUID
    config: Mapping[str, Any]
    sealed: SealedSecret


_OPERATOR = "operator"
_GONE = ("Erasing", "Erased")


async def open_session(store: Store) -> int:
    """Begin a leader's session and return its number; every earlier session is stale now."""
    async with store.connection() as connection:
        return cast("int", await connection.fetchval(statement("registry/open_session")))


async def put_tenant(store: Store, push: Push) -> None:
    """Store one whole tenant; a repetition of the last push changes nothing.

    Raises UnknownSession, StaleSession, StaleSequence, TenantIdTaken, TenantIdErased, RetryLater.
    """
    snapshot = push.snapshot
    tenant_id = snapshot.tenant_id
    async with store.transaction(tenant_id) as connection:
        stored = await connection.fetchrow(statement("registry/lock"), tenant_id)
        judge_session(stored, push.session, push.sequence)
        judge_claim(stored, snapshot)
        if _repeats(stored, push):
            return
        await connection.execute(
            statement("registry/put_tenant"),
            *(tenant_id, snapshot.name, snapshot.uid, push.digest, push.session, push.sequence),
            snapshot.operating_mode is OperatingMode.SUSPENDED,
            snapshot.model_dump(mode="json", by_alias=True),
            _working(snapshot),
        )
        await connection.execute(statement("registry/drop_verified"), tenant_id, _sealed(snapshot))
        if stored["digest"] != push.digest or stored["state"] != "Live":
            await audit.append(
                connection,
                tenant_id,
                actor=_OPERATOR,
                action="TenantRegistered",
                subjects={"tenant": tenant_id, "uid": snapshot.uid},
                payload={"digest": push.digest},
            )


async def bury_tenant(store: Store, tenant_id: UUID, tombstone: Tombstone) -> None:
    """Accept for certain that the tenant is gone; with Erase, `erase.erase_tenants` follows.

    A tombstone of an earlier UID, or of what is gone already, changes nothing. Raises
    UnknownSession, StaleSession, StaleSequence, RetryLater.
    """
    erase = tombstone.on_delete == "Erase"
    async with store.transaction(tenant_id) as connection:
        stored = await connection.fetchrow(statement("registry/lock"), tenant_id)
        judge_session(stored, tombstone.session, tombstone.sequence)
        if stored["name"] is None:
            await connection.execute(
                statement("registry/note_unknown"),
                *(tenant_id, tombstone.name, tombstone.uid),
                *(tombstone.session, tombstone.sequence, erase),
            )
        elif stored["state"] in _GONE or stored["uid"] != tombstone.uid:
            return
        else:
            await connection.execute(
                statement("registry/bury_tenant"),
                *(tenant_id, tombstone.session, tombstone.sequence, erase),
            )
        await audit.append(
            connection,
            tenant_id,
            actor=_OPERATOR,
            action="TenantBuried",
            subjects={"tenant": tenant_id, "uid": tombstone.uid},
            payload={"onDelete": tombstone.on_delete},
        )


async def stored_tenants(store: Store) -> list[StoredTenant]:
    """Return what is stored of every live tenant, for the operator to compare with."""
    async with store.connection() as connection:
        rows = await connection.fetch(statement("registry/stored"))
    return [StoredTenant(**dict(row)) for row in rows]


async def load_snapshots(
    store: Store, *, newer_than: int = 0
) -> tuple[int, list[TenantSnapshot], list[UUID]]:
    """Return the registry's version, the tenants that changed after `newer_than`, the removed ones.

    A version below `newer_than` says that the database was restored: forget everything and ask
    again from 0. Costs one query while nothing changed.
    """
    async with store.connection() as connection:
        rows = await connection.fetch(statement("registry/changed"), newer_than)
        changed = [row for row in rows if row["tenant_id"] is not None]
        live = [row["tenant_id"] for row in changed if row["state"] == "Live"]
        found = await connection.fetch(statement("registry/snapshots"), live) if live else []
    snapshots = [TenantSnapshot.model_validate(row["snapshot"]) for row in found]
    removed = [row["tenant_id"] for row in changed if row["state"] != "Live"]
    return rows[0]["version"], snapshots, removed


async def verified_credentials(store: Store, tenants: Sequence[UUID]) -> list[Verified]:
    """Return what the vendors of these tenants' connections took last. Raises RetryLater."""
    if not tenants:
        return []
    async with store.connection() as connection:
        rows = await connection.fetch(statement("registry/verified"), list(tenants))
    return [
        Verified(
            row["tenant_id"],
            row["connection_id"],
            row["config"],
            SealedSecret.model_validate(row["sealed"]),
        )
        for row in rows
    ]


async def keep_verified(store: Store, verified: Verified) -> None:
    """Remember that a connection's vendor took these credentials; every replica will know.

    A tenant that is gone meanwhile is left alone. Raises RetryLater.
    """
    async with store.transaction(verified.tenant_id) as connection:
        stored = await connection.fetchrow(statement("registry/lock"), verified.tenant_id)
        if stored["state"] != "Live":
            return
        await connection.execute(
            statement("registry/keep_verified"),
            *(verified.tenant_id, verified.connection_id, dict(verified.config)),
            verified.sealed.model_dump(mode="json", by_alias=True),
        )


async def add_report(store: Store, report: Report) -> None:
    """Record what a program learnt about an object; the operator makes a condition of it."""
    async with store.transaction(report.tenant_id) as connection:
        await connection.execute(
            statement("registry/add_report"),
            *(report.tenant_id, report.kind, report.name, report.condition, report.digest),
            *(report.status, report.reason, report.message, report.version),
        )


async def reports(store: Store) -> tuple[int, list[Report]]:
    """Return the reports' version and all reports of live tenants."""
    async with store.connection() as connection:
        version = await connection.fetchval(statement("registry/reports_version"))
        rows = await connection.fetch(statement("registry/reports"))
    return version, [Report(**dict(row)) for row in rows]


async def last_report(
    store: Store, tenant_id: UUID, kind: str, name: str, condition: str
) -> Report | None:
    """Return what was reported last of an object's condition, or None. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("registry/report"), tenant_id, kind, name, condition
        )
    return None if row is None else Report(**dict(row))


async def reports_version(store: Store) -> int:
    """Return the version of the reports: it rises with every report that says something new."""
    async with store.connection() as connection:
        return cast("int", await connection.fetchval(statement("registry/reports_version")))


def judge_session(stored: Mapping[str, Any], session: int, sequence: int) -> None:
    """Raise unless a write of (session, sequence) is the newest there was. Pure."""
    if session > stored["open_session"]:
        raise UnknownSession("No such session was opened here: open one and push what differs.")
    if session < stored["open_session"]:
        raise StaleSession("A newer session was opened: another operator leads.")
    if stored["session"] is not None and (session, sequence) < (
        stored["session"],
        stored["sequence"],
    ):
        raise StaleSequence("A newer push of this tenant was accepted already.")


def judge_claim(stored: Mapping[str, Any], snapshot: TenantSnapshot) -> None:
    """Raise unless the id is free, this tenant's, or may be reclaimed by it. Pure."""
    if stored["name"] is None:
        return
    if stored["state"] in _GONE:
        raise TenantIdErased(
            f"The id {snapshot.tenant_id} belonged to an erased tenant and is never given again:"
            " remove spec.id, or choose another."
        )
    if stored["name"] != snapshot.name:
        raise TenantIdTaken(
            f"The id {snapshot.tenant_id} belongs to Tenant {stored['name']}:"
            " remove spec.id, or choose another."
        )
    if stored["uid"] != snapshot.uid and not snapshot.id_pinned:
        raise TenantIdTaken(
            f"The id {snapshot.tenant_id} belongs to an earlier Tenant {stored['name']}:"
            " pin it in spec.id to take over its data."
        )


def _repeats(stored: Mapping[str, Any], push: Push) -> bool:
    return (
        stored["state"] == "Live"
        and (stored["session"], stored["sequence"]) == (push.session, push.sequence)
        and stored["digest"] == push.digest
    )


def _working(snapshot: TenantSnapshot) -> list[UUID]:
    if snapshot.operating_mode is OperatingMode.SUSPENDED:
        return []
    return [
        agent.agent_id for agent in snapshot.agents if agent.operating_mode is OperatingMode.RUNNING
    ]


def _sealed(snapshot: TenantSnapshot) -> list[UUID]:
    """Return the connections that have credentials."""
    having = {one.object for one in snapshot.secrets if one.purpose == "channel"}
    return [
        one.connection_id
        for one in snapshot.connections
        if f"ChannelConnection/{one.name}" in having
    ]
