"""What was used, read for pages and for the operator's budget condition."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

import asyncpg

from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class Spent:
    """What one agent, model or day cost and did. Money in integer micro-USD."""

    micro_usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0

    def plus(self, row: asyncpg.Record) -> "Spent":
        """Return this and one row of usage_days."""
        return Spent(
            self.micro_usd + row["cost_micro_usd"],
            self.input_tokens + row["input_tokens"],
            self.output_tokens + row["output_tokens"],
            self.calls + row["calls"],
        )


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """One day of one agent with one model."""

    day: date
    agent_id: UUID
    model: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class MonthUsage:
    """One calendar month of a tenant, in its own time zone."""

    month: date
    spent_micro_usd: int = 0
    reserved_micro_usd: int = 0
    messages: int = 0
    answers: int = 0
    by_agent: Mapping[UUID, Spent] = field(default_factory=dict)
    by_model: Mapping[str, Spent] = field(default_factory=dict)
    by_day: Mapping[date, Spent] = field(default_factory=dict)


async def month_committed(store: Store, tenant_id: UUID, *, time_zone: str) -> int:
    """Return what the tenant has spent and reserved of the present month, in micro-USD."""
    async with store.transaction(tenant_id) as connection:
        day = await connection.fetchval(statement("usage/today"), time_zone)
        totals = await connection.fetchrow(statement("usage/totals"), tenant_id, day.replace(day=1))
    return int(totals["spent"] + totals["reserved"])


async def month_usage(
    store: Store, tenant_id: UUID, *, time_zone: str, month: date | None = None
) -> MonthUsage:
    """Return what the tenant used in a month (any day of it; default: the present one)."""
    async with store.transaction(tenant_id) as connection:
        day = month or await connection.fetchval(statement("usage/today"), time_zone)
        first = day.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
        totals = await connection.fetchrow(statement("usage/totals"), tenant_id, first)
        counts = await connection.fetchrow(
            statement("usage/counts"), tenant_id, first, after, time_zone
        )
        rows = await connection.fetch(statement("usage/days"), tenant_id, first, after)
    by_agent: defaultdict[UUID, Spent] = defaultdict(Spent)
    by_model: defaultdict[str, Spent] = defaultdict(Spent)
    by_day: defaultdict[date, Spent] = defaultdict(Spent)
    for row in rows:
        by_agent[row["agent_id"]] = by_agent[row["agent_id"]].plus(row)
        by_model[row["model"]] = by_model[row["model"]].plus(row)
        by_day[row["day"]] = by_day[row["day"]].plus(row)
    return MonthUsage(
        month=first,
        spent_micro_usd=totals["spent"],
        reserved_micro_usd=totals["reserved"],
        messages=counts["messages"],
        answers=counts["answers"],
        by_agent=dict(by_agent),
        by_model=dict(by_model),
        by_day=dict(by_day),
    )


async def daily_usage(
    store: Store, tenant_id: UUID, *, first: date, last: date
) -> list[DailyUsage]:
    """Return the usage of the days from `first` to `last`, in order."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("usage/days"), tenant_id, first, last + timedelta(days=1)
        )
    return [
        DailyUsage(row["day"], row["agent_id"], row["model"], Spent().plus(row)) for row in rows
    ]
