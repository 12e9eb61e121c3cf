"""A stranger who hangs up in the middle of a body must not fill the log with failures of ours."""

import asyncio
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from support.far_slack import direct
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import slack_house

pytestmark = pytest.mark.postgres


async def test_a_body_that_breaks_off_is_nobodys_fault(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        where = urlsplit(str(house.caller.url))
        with capture_logs() as logs:
            for _ in range(5):
                _, writer = await asyncio.open_connection(where.hostname, where.port)
                head = f"POST {where.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
                writer.write(head.encode() + b"only the beginning")
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            body = house.caller.envelope(direct("still here", ts="1767225600.000100"), "EvAfter")
            assert (await house.caller.call(body)).status_code == 200
        assert [one for one in logs if one["log_level"] in {"error", "critical"}] == []
