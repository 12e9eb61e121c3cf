"""Campaign R3: Slack takes a message and the answer is lost, late or an error; nothing comes twice.

The gateway's own sender and Slack half talk over HTTP to a far Slack that does to a random share of
calls what networks do. The oracle reads only what people see there: each reply at most once.
"""

import asyncio
import contextlib
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from nacl.public import PrivateKey

from konstruct_messages.inbound import InboundMessage
from support.build import inbound
from support.campaigns.ambiguity import Odds, write_all
from support.campaigns.busy_slack import IndexedMessages
from support.campaigns.ledgers import NONCE
from support.campaigns.report import progress, silent_logs
from support.far_slack import SCOPES, FarSlack, Workspace, far_slack
from support.gateways import running_gateway
from support.postgres import Database, open_store
from support.slack_tenants import slack_tenant
from support.stack import encode_key
from support.working import publish

_QUIET_SECONDS = 5.0
_SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """`sends` replies, spread over tenants with a workspace each and `channels` channels.

    `late_seconds`: how late a late answer is; the product waits eight seconds for one.
    `asking_fails`: what goes wrong goes wrong also when Slack is asked what it has.
    """

    seed: int
    sends: int
    tenants: int = 16
    channels: int = 40
    late_seconds: float = 60.0
    asking_fails: bool = True
    seconds: float = 3600.0
    writers: int = 8
    quiet: bool = False


@dataclass
class Result:
    """What people saw of what was to be sent. `unresolved`: never seen by anybody."""

    sends: int = 0
    visible: int = 0
    doubled: int = 0
    unresolved: int = 0
    unasked: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nothing came twice, and everything came or is known as unresolved."""
        return not self.doubled


async def run(plan: Plan, database: Database) -> Result:
    """Run the campaign on a migrated database of its own."""
    chance = random.Random(plan.seed)
    drawn: Counter[str] = Counter()
    key = PrivateKey.generate()
    tenants = [
        slack_tenant(number, key, team=_team(number), token=f"xoxb-{number}")
        for number in range(plan.tenants)
    ]
    far = FarSlack(
        workspaces=[
            Workspace(team=_team(number), token=f"xoxb-{number}", scopes=SCOPES)
            for number in range(plan.tenants)
        ],
        messages=IndexedMessages(),
        late_seconds=plan.late_seconds,
    )
    asking = ("conversations.history", "conversations.replies") if plan.asking_fails else ()
    for method in ("chat.postMessage", *asking):
        far.troubles[method] = Odds(chance, drawn)
    async with AsyncExitStack() as exits:
        exits.enter_context(silent_logs())
        await exits.enter_async_context(far_slack(far))
        store = await exits.enter_async_context(open_store(database, "gateway", maximum=8))
        await publish(store, *tenants)
        gateway = running_gateway(
            database.url("gateway"),
            seal_private_keys=encode_key(key),
            slack_api_url=far.url,
            poll_seconds=0.1,
            later_seconds=1e6,
        )
        await exits.enter_async_context(gateway)
        names = await write_all(
            store,
            tenants,
            partial(_asked, plan),
            sends=plan.sends,
            writers=plan.writers,
            chance=chance,
        )
        async with progress(lambda: _told(far, plan), quiet=plan.quiet):
            await _until_quiet(plan, far)
    return _judge(names, far, drawn)


def _asked(plan: Plan, number: int) -> InboundMessage:
    """Return what a person asks: every third one in a channel's thread, the others directly."""
    channel = f"D{number // plan.tenants % plan.channels:04d}"
    key = channel if number % 3 else f"C{channel}:{1_767_225_600 + number}.000001"
    return inbound("hello", conversation_key=key, person_key="U0EVA")


async def _until_quiet(plan: Plan, far: FarSlack) -> None:
    """Wait until everything is visible and nobody calls any more, or the time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plan.seconds):
            while True:
                before = len(far.calls)
                await asyncio.sleep(_QUIET_SECONDS)
                if len(far.ledger) >= plan.sends and len(far.calls) == before:
                    return


def _told(far: FarSlack, plan: Plan) -> str:
    return f"{len(far.ledger)}/{plan.sends} visible, {len(far.calls)} calls"


def _judge(names: list[str], far: FarSlack, drawn: Counter[str]) -> Result:
    counts = Counter(name for one in far.ledger for name in NONCE.findall(one.seen))
    doubled = [name for name in names if counts[name] > 1]
    missing = [name for name in names if not counts[name]]
    calls = Counter(f"{method} {status}" for method, status in far.calls)
    return Result(
        sends=len(names),
        visible=sum(1 for name in names if counts[name]),
        doubled=len(doubled),
        unresolved=len(missing),
        unasked=sum(1 for one in far.ledger if not NONCE.search(one.seen)),
        calls=dict(calls),
        troubles=dict(drawn),
        examples=[f"doubled {name}" for name in doubled[:_SHOWN]]
        + [f"unresolved {name}" for name in missing[:_SHOWN]],
    )


def _team(number: int) -> str:
    return f"T0{number:04d}"
