"""What Slack never made is not accepted, and never costs a server error."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from konstruct_channels.slack import signing
from support.far_slack import direct
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SECRET, slack_house

pytestmark = pytest.mark.postgres


async def test_forged_mutants_are_never_accepted(database: Database, tenant: SampleTenant) -> None:
    """A slice of S5: 3,000 mutants of a genuine delivery; none accepted, none answered by 5xx."""
    source = random.Random(7)
    async with slack_house(database, tenant) as house:
        statuses: dict[int, int] = {}
        body = house.caller.envelope(direct("mutant", ts="1767225600.000100"), "EvMutant")
        for start in range(0, 3000, 25):
            requests = [_mutant(source, body, start + number) for number in range(25)]
            answers = await asyncio.gather(
                *(
                    house.caller.client.post(house.caller.url, content=content, headers=headers)
                    for content, headers in requests
                )
            )
            for answer in answers:
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert set(statuses) <= {401, 413}, statuses
        assert sum(statuses.values()) == 3000
        rows = await house.rows("SELECT count(*) AS n FROM konstruct.inbox")
        assert rows[0]["n"] == 0
        assert (await house.caller.call(body)).status_code == 200
        assert await house.settled(1) == ["You said: mutant"]


def _mutant(source: random.Random, body: bytes, number: int) -> tuple[bytes, list[tuple[str, str]]]:
    """Return a delivery that Slack never made."""
    now = datetime.now(UTC)
    signed = dict(signing.sign(body, SECRET, now=now))
    changed = bytearray(body)
    match number % 8:
        case 0:
            changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        case 1:
            signed = dict(signing.sign(body, SECRET + "-of-another-tenant", now=now))
        case 2:
            late = timedelta(seconds=source.choice([301, 3600, -302, -3600, 10**7]))
            signed = dict(signing.sign(body, SECRET, now=now - late))
        case 3:
            letters = list(signed[signing.SIGNATURE])
            place = source.randrange(3, len(letters))
            letters[place] = "0" if letters[place] != "0" else "1"
            signed[signing.SIGNATURE] = "".join(letters)
        case 4:
            signed[signing.TIMESTAMP] = source.choice(["", "x", "-5", "1e9", "99999999999999999"])
        case 5:
            del signed[source.choice([signing.SIGNATURE, signing.TIMESTAMP])]
        case 6:
            changed = bytearray(body[: source.randrange(len(body))])
        case _:
            double = ("x-slack-signature", "v0=" + "0" * 64)
            return bytes(body), [double, *signed.items()]
    return bytes(changed), list(signed.items())
