"""Campaign R3 with WhatsApp: Meta takes a message, and its answer is lost, late or an error.

Nobody can ask Meta what it has. Its statuses name our deliveries: late, in any order, and some
never. The oracle reads what people see at the far end and what was posted to it: nothing comes
twice, nothing is posted again without a verdict, and what the product calls Unknown is explained by
the far end's ledger.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from nacl.public import PrivateKey

from konstruct_messages.inbound import InboundMessage
from konstruct_registry.seals import seal
from konstruct_registry.snapshot import TenantSnapshot
from support.build import agent_snapshot, connection_snapshot, inbound, tenant_snapshot
from support.campaigns.ambiguity import Odds, write_all
from support.campaigns.ledgers import NONCE
from support.campaigns.report import progress, silent_logs
from support.far_graph import FarGraph, Number, Sent, Told, far_graph
from support.gateways import running_gateway
from support.postgres import Database, open_store
from support.stack import encode_key
from support.working import publish

_STATUSES = ("sent", "delivered", "read")
_LOOK_SECONDS = 0.5
_SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """`sends` replies over tenants with a number each, every one to another person.

    `silent_share` of the messages that Meta takes are never named by a status; the others' come
    within `status_seconds`, in any order. `late_seconds` is how late a late answer is; the product
    waits thirteen for one.
    """

    seed: int
    sends: int
    tenants: int = 8
    late_seconds: float = 60.0
    silent_share: float = 0.15
    status_seconds: float = 4.0
    seconds: float = 1800.0
    writers: int = 8
    quiet: bool = False


@dataclass
class Result:
    """What people saw, what the product says of it, and whether the ledger explains that.

    `unknown_taken`: people have it, and no status was told; `unknown_never_taken`: Meta never had
    it. `unexplained`: the product says something that the ledger contradicts.
    """

    sends: int = 0
    visible: int = 0
    doubled: int = 0
    posted_again: int = 0
    states: dict[str, int] = field(default_factory=dict)
    settled_by_status: int = 0
    unknown_taken: int = 0
    unknown_never_taken: int = 0
    unexplained: int = 0
    troubles: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nothing came twice or was posted again, and all that is open explained."""
        return not (self.doubled or self.posted_again or self.unexplained)


async def run(plan: Plan, database: Database) -> Result:
    """Run the campaign on a migrated database of its own."""
    chance = random.Random(plan.seed)
    drawn: Counter[str] = Counter()
    key = PrivateKey.generate()
    tenants = [_tenant(number, key) for number in range(plan.tenants)]
    far = FarGraph(
        numbers=[
            Number(phone_number_id=_number(one), token=f"EAA{one}", secret="s" * 32)
            for one in range(plan.tenants)
        ],
        telling=partial(_statuses, plan, random.Random(chance.random())),
        late_seconds=plan.late_seconds,
    )
    far.troubles["messages"] = Odds(chance, drawn)
    async with AsyncExitStack() as exits:
        exits.enter_context(silent_logs())
        await exits.enter_async_context(far_graph(far))
        store = await exits.enter_async_context(open_store(database, "gateway", maximum=8))
        await publish(store, *tenants)
        gateway = await exits.enter_async_context(
            running_gateway(
                database.url("gateway"),
                seal_private_keys=encode_key(key),
                whatsapp_api_url=far.url,
                poll_seconds=0.1,
                later_seconds=1e6,
            )
        )
        for one, tenant in zip(far.numbers, tenants, strict=True):
            one.webhook = f"{gateway.url}/hooks/whatsapp/{tenant.name}/phone"
        names = await write_all(
            store, tenants, _asked, sends=plan.sends, writers=plan.writers, chance=chance
        )
        rows: list[Any] = []

        def told() -> str:
            return f"{len(far.ledger)} taken, {_open(rows)} open"

        async with progress(told, quiet=plan.quiet):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(plan.seconds):
                    await _until_settled(database, rows)
            await far.told_all()
            await _read(database, rows)
        return _judge(names, far, rows, drawn)


def _statuses(plan: Plan, chance: random.Random, _sent: Sent) -> Sequence[Told]:
    if chance.random() < plan.silent_share:
        return ()
    return [Told(one, chance.uniform(0, plan.status_seconds)) for one in _STATUSES]


def _asked(number: int) -> InboundMessage:
    person = f"1650{number:07d}"
    return inbound("hello", conversation_key=person, person_key=person)


async def _until_settled(database: Database, rows: list[Any]) -> None:
    """Wait until every delivery has a fate: words about lost answers included."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        await _read(database, rows)
        if rows and not _open(rows):
            return


async def _read(database: Database, rows: list[Any]) -> None:
    rows[:] = await database.run(
        "SELECT delivery_id, text, state, receipt, attempt, reason FROM konstruct.deliveries"
    )


def _open(rows: Sequence[Any]) -> int:
    return sum(1 for row in rows if row["state"] in {"Queued", "Sending"})


def _judge(names: list[str], far: FarGraph, rows: Sequence[Any], drawn: Counter[str]) -> Result:
    seen = Counter(name for one in far.ledger for name in NONCE.findall(one.text))
    doubled = [name for name in names if seen[name] > 1]
    again = [mark for mark, count in far.posted.items() if count > 1]
    taken = {one.mark: one for one in far.ledger}
    replies = [row for row in rows if NONCE.search(row["text"])]
    result = Result(
        sends=len(names),
        visible=sum(1 for name in names if seen[name]),
        doubled=len(doubled),
        posted_again=len(again),
        states=dict(Counter(row["state"] for row in replies)),
        troubles=dict(drawn),
        examples=[f"doubled {name}" for name in doubled[:_SHOWN]]
        + [f"posted again {mark}" for mark in again[:_SHOWN]],
    )
    for row in replies:
        _explain(row, taken.get(str(row["delivery_id"])), result)
    return result


def _explain(row: Any, sent: Sent | None, result: Result) -> None:
    """Hold what the product says of one delivery against the far end's ledger."""
    told = bool(sent and sent.said)
    match row["state"]:
        case "Sent" if sent is not None and (sent.posted or not sent.lost):
            result.settled_by_status += sent.lost
        case "Unknown" if sent is None:
            result.unknown_never_taken += 1
        case "Unknown" if not told:
            result.unknown_taken += 1
        case state:
            result.unexplained += 1
            if len(result.examples) < _SHOWN:
                said = sent.said if sent is not None else None
                result.examples.append(f"{state} {row['reason']} {row['text']}: told {said}")


def _number(tenant: int) -> str:
    return f"1065403522{tenant:05d}"


def _tenant(number: int, key: PrivateKey) -> TenantSnapshot:
    tenant_id = UUID(int=uuid4().int)
    config = {"phoneNumberId": _number(number), "businessAccountId": "102290129340398"}
    return tenant_snapshot(
        tenant_id=tenant_id,
        name=f"tenant-{number}",
        uid=f"uid-{number}",
        agents=(agent_snapshot(tenant_id=tenant_id),),
        connections=(
            connection_snapshot(tenant_id=tenant_id, name="phone", type="WhatsApp", config=config),
        ),
        secrets=(
            seal(
                {"accessToken": f"EAA{number}", "appSecret": "s" * 32, "verifyToken": "v"},
                recipient=key.public_key,
                tenant_id=tenant_id,
                object_name="ChannelConnection/phone",
                purpose="channel",
                secret_uid="u",
                secret_resource_version="1",
            ),
        ),
    )
