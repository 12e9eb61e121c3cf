"""Claims: one agent works on one turn of one conversation, fenced by attempt and token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from konstruct_messages.turns import ClaimedTurn, Verdict
from konstruct_registry.snapshot import AgentSnapshot, OperatingMode, TenantSnapshot
from konstruct_store.identifiers import new_id, new_token, token_hash
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

MAX_ATTEMPTS = 5
"""Leases that may run out without a newly journalled step before the turn is given up."""

DEADLINE_SECONDS = 3600
LEASE_SECONDS = 15.0
_EXCERPT = {"tenant_id", "name", "display_name", "language", "time_zone", "models"}


@dataclass(frozen=True, slots=True)
class HeldTurn:
    """A turn that a pod says it works on."""

    turn_id: UUID
    attempt: int
    turn_token: str


async def due_tenants(store: Store, tenants: Sequence[UUID]) -> list[UUID]:
    """Return which of `tenants` have something to claim now, with one query for all of them."""
    async with store.connection() as connection:
        rows = await connection.fetch(statement("claims/due_tenants"), list(tenants))
    return [row["tenant_id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Look:
    """What a claim found. `more`: other turns of the tenant may be due now; False is certain."""

    turn: ClaimedTurn | None
    more: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """How many conversations wait for an agent to claim them, and how long the first has waited."""

    waiting: int
    oldest_seconds: float


async def queue(store: Store) -> Queue:
    """Return what waits for agents, of all tenants together. Raises RetryLater."""
    async with store.connection() as connection:
        row = await connection.fetchrow(statement("claims/queue"))
    return Queue(row["waiting"], row["oldest_seconds"])


async def claim_turn(
    store: Store,
    tenant_id: UUID,
    *,
    claim_id: UUID,
    boot_id: UUID,
    agents: Mapping[UUID, AgentSnapshot],
    tenant: TenantSnapshot,
    pod: str = "",
    lease_seconds: float = LEASE_SECONDS,
    deadline_seconds: int = DEADLINE_SECONDS,
    max_attempts: int = MAX_ATTEMPTS,
) -> Look:
    """Claim the turn that is longest due, or find none when there is nothing for `agents`.

    A turn's first claim freezes its messages, window and agent revision. Repeating a claim with
    the same `claim_id` returns the same turn. A lease that ran out is taken over with the next
    attempt; a turn whose leases ran out `max_attempts` times without progress is left to the
    sweeper. Suspended tenants and agents begin no turns. Raises RetryLater.
    """
    if tenant.operating_mode is OperatingMode.SUSPENDED:
        return Look(None, more=True)
    claimant = _Claimant(tenant_id, claim_id, boot_id, pod, lease_seconds)
    able = [one for one in agents.values() if one.operating_mode is OperatingMode.RUNNING]
    token = new_token()
    row = await claimant.at_once(store, token, able, tenant)
    if row is None:
        return Look(None, more=False)
    if row["turn_id"] is not None:
        turn = _claimed(dict(row), tenant_id, token, lease_seconds, deadline_seconds)
        return Look(turn, more=row["more"])
    ids = [one.agent_id for one in able]
    while True:
        async with store.transaction(tenant_id) as connection:
            due = await connection.fetchrow(statement("claims/lock_due"), tenant_id, claim_id, ids)
            if due is None:
                return Look(None, more=False)
            token = new_token()
            conversation_id = due["conversation_id"]
            if due["repeated"]:
                turn_id = await claimant.repeat(connection, due, token)
            elif due["turn_id"] is not None:
                turn_id = await claimant.take_over(connection, due, token, max_attempts)
            else:
                turn_id = await claimant.open(
                    connection, conversation_id, token, agents[due["agent_id"]], tenant
                )
            if turn_id is None and due["repeated"]:
                continue  # settled or taken over while we waited for the row
            if turn_id is None:
                await connection.execute(statement("claims/set_aside"), tenant_id, conversation_id)
                continue
            row = await connection.fetchrow(statement("claims/frozen"), tenant_id, turn_id)
        turn = _claimed(dict(row), tenant_id, token, lease_seconds, deadline_seconds)
        return Look(turn, more=True)


@dataclass(frozen=True)
class _Claimant:
    tenant_id: UUID
    claim_id: UUID
    boot_id: UUID
    pod: str
    lease_seconds: float

    async def at_once(
        self, store: Store, token: str, able: Sequence[AgentSnapshot], tenant: TenantSnapshot
    ) -> Mapping[str, Any] | None:
        """Claim a new turn, or return None where nothing is due.

        Without a turn_id something is unusual, and nothing was claimed.
        """
        async with store.at_once(self.tenant_id) as connection:
            row: Mapping[str, Any] | None = await connection.fetchrow(
                statement("claims/claim_at_once"),
                *(self.tenant_id, self.claim_id, [one.agent_id for one in able], new_id()),
                *(self.pod, self.boot_id, token_hash(token), self.lease_seconds),
                [one.revision for one in able],
                [one.memory.window_turns for one in able],
                [one.language or tenant.language for one in able],
                _excerpt(tenant),
            )
        return row

    async def open(
        self,
        connection: Connection,
        conversation_id: UUID,
        token: str,
        agent: AgentSnapshot,
        tenant: TenantSnapshot,
    ) -> UUID | None:
        """Open the conversation's next turn."""
        turn_id: UUID | None = await connection.fetchval(
            statement("claims/open"),
            *(self.tenant_id, conversation_id, new_id(), self.claim_id, self.pod, self.boot_id),
            *(token_hash(token), self.lease_seconds, agent.agent_id, agent.revision),
            agent.model_dump(mode="json", by_alias=True),
            agent.memory.window_turns,
            _excerpt(tenant),
            agent.language or tenant.language,
        )
        return turn_id

    async def take_over(
        self, connection: Connection, due: Mapping[str, Any], token: str, max_attempts: int
    ) -> UUID | None:
        """Begin the open turn's next attempt."""
        turn_id: UUID | None = await connection.fetchval(
            statement("claims/take_over"),
            *(self.tenant_id, due["conversation_id"], due["turn_id"], self.claim_id, self.pod),
            *(self.boot_id, token_hash(token), self.lease_seconds, max_attempts),
        )
        return turn_id

    async def repeat(
        self, connection: Connection, due: Mapping[str, Any], token: str
    ) -> UUID | None:
        """Hand the claim's own turn out again."""
        turn_id: UUID | None = await connection.fetchval(
            statement("claims/repeat"),
            *(self.tenant_id, due["conversation_id"], due["turn_id"], self.claim_id),
            *(token_hash(token), self.lease_seconds),
        )
        return turn_id


async def heartbeat(
    store: Store,
    tenant_id: UUID,
    boot_id: UUID,  # noqa: ARG001 - part of the protocol; the token is what fences
    turns: Sequence[HeldTurn],
    *,
    lease_seconds: float = LEASE_SECONDS,
) -> dict[UUID, Verdict]:
    """Renew the leases of `turns` and return how each goes on; LOST: no longer theirs."""
    verdicts = {turn.turn_id: Verdict.LOST for turn in turns}
    if not turns:
        return verdicts
    ids = [turn.turn_id for turn in turns]
    async with store.transaction(tenant_id) as connection:
        await connection.fetch(statement("claims/lock_held"), tenant_id, ids)
        rows = await connection.fetch(
            statement("claims/heartbeat"),
            *(tenant_id, ids, [turn.attempt for turn in turns]),
            *([token_hash(turn.turn_token) for turn in turns], lease_seconds),
        )
    return verdicts | {row["turn_id"]: Verdict(row["verdict"]) for row in rows}


async def release_turns(
    store: Store,
    tenant_id: UUID,
    *,
    boot_id: UUID | None = None,
    other_than_boot_of_pod: str | None = None,
) -> list[UUID]:
    """Give turns back to be claimed at once; return which.

    With `boot_id` alone, the turns this boot holds (it got SIGTERM). With both, the turns that the
    pod `other_than_boot_of_pod` holds from boots other than `boot_id` (it was restarted).
    """
    if boot_id is None and other_than_boot_of_pod is None:
        raise ValueError("Say whose turns to release.")
    only = boot_id if other_than_boot_of_pod is None else None
    other_than = boot_id if other_than_boot_of_pod is not None else None
    async with store.transaction(tenant_id) as connection:
        held = await connection.fetch(
            statement("claims/lock_of_pod"), tenant_id, only, other_than_boot_of_pod, other_than
        )
        if not held:
            return []
        rows = await connection.fetch(
            statement("claims/release"),
            *(tenant_id, [row["turn_id"] for row in held], only, other_than),
        )
    return [row["turn_id"] for row in rows]


async def wanted_awake(store: Store, idle_after: Mapping[UUID, int]) -> set[UUID]:
    """Return which tenants have due work or were active within their idle time.

    `idle_after` has the seconds of each tenant; times up to two days are kept.
    """
    async with store.connection() as connection:
        rows = await connection.fetch(
            statement("claims/wanted_awake"), list(idle_after), list(idle_after.values())
        )
    return {row["tenant_id"] for row in rows}


def _excerpt(tenant: TenantSnapshot) -> dict[str, Any]:
    return tenant.model_dump(mode="json", by_alias=True, include=_EXCERPT)


def _claimed(
    row: dict[str, Any],
    tenant_id: UUID,
    token: str,
    lease_seconds: float,
    deadline_seconds: int,
) -> ClaimedTurn:
    messages = row["messages"]
    return ClaimedTurn(
        tenant_id=tenant_id,
        turn_id=row["turn_id"],
        conversation_id=row["conversation_id"],
        attempt=row["attempt"],
        turn_token=token,
        lease_seconds=lease_seconds,
        deadline=row["opened_at"] + timedelta(seconds=deadline_seconds),
        agent=row["agent"],
        tenant=row["tenant"],
        language=row["language"],
        person_name=next((one["name"] for one in messages if one["name"]), ""),
        window=tuple(row["recent"]),
        messages=tuple(messages),
        steps=tuple(row["steps"]),
    )
