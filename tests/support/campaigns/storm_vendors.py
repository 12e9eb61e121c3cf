"""The vendors of the retry storm: what Slack and WhatsApp send for a message. Pure, by a seed.

The same numbers and times come at every tenant: nothing of one may count for another.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nacl.public import PrivateKey

from konstruct_channels.slack import signing as slack_signing
from konstruct_channels.whatsapp import signing as whatsapp_signing
from konstruct_registry.seals import seal
from konstruct_registry.snapshot import TenantSnapshot
from support.build import connection_snapshot
from support.campaigns.asgi import Headers, as_headers
from support.campaigns.ledgers import nonce, words
from support.campaigns.people import SlackEvents
from support.far_slack import direct, mention
from support.slack_tenants import slack_tenant
from support.whatsapp_events import WhatsAppEvents, Writer, merged, packed

BEGINNING = datetime(2096, 1, 1, tzinfo=UTC)
"""Later than this program runs: by the database's clock nobody has been silent for a day."""
SLACK, WHATSAPP = "slack", "whatsapp"

_MENTION_SHARE = 0.2
_BATCH_SHARE = 0.5
_LARGEST_BATCH = 20


@dataclass(frozen=True, order=True)
class Delivery:
    """One delivery of an event: `at` is simulated seconds since the beginning."""

    at: float
    tenant: int
    name: str
    event_id: str = field(compare=False)
    event: Mapping[str, Any] = field(compare=False)
    conversation: str = field(compare=False)
    channel: str = field(compare=False, default=SLACK)

    @property
    def place(self) -> str:
        """The conversation among all tenants' and channels'."""
        return place_of(config_of(self.channel, self.tenant), self.conversation)


@dataclass(frozen=True)
class Call:
    """A request that a vendor makes at `at`."""

    path: str
    body: bytes
    headers: Headers
    at: datetime


def place_of(config: Mapping[str, Any], conversation: str) -> str:
    """Return what tells a conversation apart, by its connection's config."""
    return f"{config.get('teamId') or config.get('phoneNumberId')} {conversation}"


def config_of(channel: str, tenant: int) -> Mapping[str, Any]:
    """Return the config of a tenant's connection."""
    if channel == WHATSAPP:
        return {"phoneNumberId": f"10654{tenant:04d}", "businessAccountId": f"10229{tenant:04d}"}
    return {"appId": "A0KONSTRUCT", "teamId": f"T0{tenant:04d}"}


def secret_of(tenant: int) -> str:
    """Return what a tenant's vendors sign with."""
    return f"signing-secret-{tenant}"


def storm_tenant(number: int, key: PrivateKey) -> TenantSnapshot:
    """Return a tenant with the connections `team` (Slack) and `phone` (WhatsApp)."""
    tenant = slack_tenant(
        number,
        key,
        team=config_of(SLACK, number)["teamId"],
        token="xoxb-genuine",
        secret=secret_of(number),
    )
    phone = connection_snapshot(
        tenant_id=tenant.tenant_id,
        name="phone",
        type="WhatsApp",
        config=config_of(WHATSAPP, number),
    )
    box = seal(
        {"accessToken": "EAA", "verifyToken": "v", "appSecret": secret_of(number)},
        recipient=key.public_key,
        tenant_id=tenant.tenant_id,
        object_name="ChannelConnection/phone",
        purpose="channel",
        secret_uid="u",
        secret_resource_version="1",
    )
    return tenant.model_copy(
        update={
            "connections": (*tenant.connections, phone),
            "secrets": (*tenant.secrets, box),
        }
    )


def message(
    chance: random.Random, number: int, *, at: float, tenants: int, people: int
) -> list[Delivery]:
    """Return the events of one message: two for a mention in Slack."""
    tenant, own = number % tenants, number // tenants
    name = nonce(tenant, number, chance.getrandbits(32))
    if own % 2:
        return [_whatsapp(chance, name, at=at, tenant=tenant, own=own, person=own % people)]
    stamp = f"{1_767_225_600 + own}.000001"
    both: tuple[dict[str, Any], ...]
    if chance.random() < _MENTION_SHARE:
        channel = f"C{own % 50:04d}"
        both, where = mention(words(name), ts=stamp, channel=channel), f"{channel}:{stamp}"
    else:
        where = f"D{own % people:05d}"
        both = (direct(words(name), ts=stamp, channel=where),)
    return [
        Delivery(at, tenant, name, f"Ev{own}x{twin}", event, where)
        for twin, event in enumerate(both)
    ]


def _whatsapp(
    chance: random.Random, name: str, *, at: float, tenant: int, own: int, person: int
) -> Delivery:
    """Return a message of a person, some of whom show their user id alone."""
    shy = person % 3 == 0
    writer = Writer("" if shy else f"1650{person:07d}", f"US.{person:08d}")
    config = config_of(WHATSAPP, tenant)
    events = WhatsAppEvents(
        phone_number_id=config["phoneNumberId"],
        account_id=config["businessAccountId"],
        at=int(BEGINNING.timestamp() + at),
    )
    context = {"context": {"forwarded": True}} if chance.random() < 0.1 else {}
    value = events.text(words(name), writer=writer, id=f"wamid.EVENT{own}", **context)
    return Delivery(
        at, tenant, name, f"wamid.EVENT{own}", value, writer.number or writer.user_id, WHATSAPP
    )


def calls(
    deliveries: Sequence[Delivery], tenants: Sequence[TenantSnapshot], chance: random.Random
) -> Iterator[tuple[Call, Sequence[Delivery]]]:
    """Yield each request with what it delivers: Meta puts several into one now and then."""
    waiting: dict[int, list[Delivery]] = {}
    for one in deliveries:
        if one.channel == SLACK:
            yield _slack_call(one, tenants), (one,)
            continue
        batch = waiting.setdefault(one.tenant, [])
        batch.append(one)
        if chance.random() < _BATCH_SHARE or len(batch) == _LARGEST_BATCH:
            yield _whatsapp_call(batch, tenants), tuple(waiting.pop(one.tenant))
    for batch in waiting.values():
        yield _whatsapp_call(batch, tenants), tuple(batch)


def _slack_call(one: Delivery, tenants: Sequence[TenantSnapshot]) -> Call:
    secret, at = secret_of(one.tenant), BEGINNING + timedelta(seconds=one.at)
    team = config_of(SLACK, one.tenant)["teamId"]
    slack = SlackEvents(http=None, url="", secret=secret, team=team)  # type: ignore[arg-type]
    body = slack.envelope(dict(one.event), one.event_id)
    headers = as_headers(slack_signing.sign(body, secret, now=at))
    return Call(f"/hooks/slack/{tenants[one.tenant].name}/team", body, headers, at)


def _whatsapp_call(batch: Sequence[Delivery], tenants: Sequence[TenantSnapshot]) -> Call:
    tenant = batch[-1].tenant
    config = config_of(WHATSAPP, tenant)
    events = WhatsAppEvents(config["phoneNumberId"], config["businessAccountId"])
    body = packed(events.delivery(merged([dict(one.event) for one in batch])))
    headers = as_headers(whatsapp_signing.sign(body, secret_of(tenant)))
    at = BEGINNING + timedelta(seconds=batch[-1].at)
    return Call(f"/hooks/whatsapp/{tenants[tenant].name}/phone", body, headers, at)
