"""New credentials take over once the vendor has taken them; bad ones leave the former at work."""

import asyncio
from typing import Any

import pytest
from nacl.public import PrivateKey

from konstruct_registry.seals import key_id
from support.far_slack import SCOPES, Workspace, direct
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.slack_house import SlackHouse, sealed, slack_house
from support.stack import encode_key
from support.waiting import until

pytestmark = pytest.mark.postgres


async def rotate(house: SlackHouse, token: str, version: int) -> None:
    secret = sealed(house.tenant.tenant_id, house.key, token=token, version=version)
    house.tenant.over["secrets"] = (secret,)
    await house.tenant.register(house.gateway.internal_url)


async def reported(house: SlackHouse, reason: str, version: str) -> str:
    """Wait until the gateway reports so; return the message."""
    while True:
        rows = await house.rows(
            "SELECT reason, message, version FROM konstruct.registry_reports"
            " WHERE condition = 'Authenticated'"
        )
        found = {(one["reason"], one["version"]): str(one["message"]) for one in rows}
        if (reason, version) in found:
            return found[reason, version]
        await asyncio.sleep(0.05)


async def asked(house: SlackHouse, number: int) -> None:
    """Ask one question by Slack and wait for its answer."""
    before = len(house.far.ledger)
    event = direct(f"question {number}", ts=f"1.{number:06d}")
    assert await house.caller.deliver(event, f"Ev{number}")
    await until(lambda: len(house.far.ledger) > before, seconds=20)


async def test_a_bad_new_token_keeps_the_old_one_working_and_a_good_one_takes_over(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await reported(house, "TokenAccepted", "u/1")
        await asked(house, 1)

        await rotate(house, "xoxb-mistyped", 2)
        message = await reported(house, "NewCredentialsRefused", "u/1")
        assert "u/1 stay in use" in message
        assert "Secret" in message
        await asked(house, 2)

        house.far.workspaces.append(Workspace(token="xoxb-next", scopes=SCOPES))
        await rotate(house, "xoxb-next", 3)
        await reported(house, "TokenAccepted", "u/3")
        house.far.workspaces[0].revoked = True
        await asked(house, 3)


async def test_a_replica_that_starts_later_works_with_what_was_taken_last(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await reported(house, "TokenAccepted", "u/1")
        await rotate(house, "xoxb-mistyped", 2)
        await reported(house, "NewCredentialsRefused", "u/1")
        settings: dict[str, Any] = {
            "seal_private_keys": encode_key(house.key),
            "slack_api_url": house.far.url,
        }
        url = database.url("gateway")
        async with running_gateway(url, **settings) as later:
            view = later.gateway.parts.view
            there = view.tenants[tenant.tenant_id]
            assert view.credentials(there, "team")["botToken"] == "xoxb-genuine"
            assert view.declared_credentials(there, "team")["botToken"] == "xoxb-mistyped"


async def test_what_is_declared_for_another_workspace_never_meets_the_former_token(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await reported(house, "TokenAccepted", "u/1")
        config = {"appId": "A0KONSTRUCT", "teamId": "T0OTHER"}
        tenant.over["connections"] = (tenant.connection("team", type="Slack", config=config),)
        await rotate(house, "xoxb-of-other", 2)
        view = house.gateway.gateway.parts.view
        await until(lambda: view.version_in_use(view.tenants[tenant.tenant_id], "team") == "u/2")


async def test_credentials_that_are_declared_no_longer_are_forgotten(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await reported(house, "TokenAccepted", "u/1")
        assert await house.rows("SELECT FROM konstruct.verified_credentials")
        tenant.over["secrets"] = ()
        await tenant.register(house.gateway.internal_url)
        assert not await house.rows("SELECT FROM konstruct.verified_credentials")


async def test_a_box_that_is_sealed_to_a_new_key_replaces_the_one_of_the_old_key(
    database: Database, tenant: SampleTenant
) -> None:
    """Then no row names the old key, and it can go."""
    former = PrivateKey.generate()
    async with slack_house(database, tenant, former_key=former) as house:
        await reported(house, "TokenAccepted", "u/1")
        assert await key_ids(house) == {key_id(former.public_key)}
        await rotate(house, "xoxb-genuine", 1)
        wanted = {key_id(house.key.public_key)}
        async with asyncio.timeout(20):
            while await key_ids(house) != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asked(house, 1)
        page = house.gateway.gateway.parts.metrics
        await until(lambda: key_id(former.public_key).encode() not in page.text())
        assert key_id(house.key.public_key).encode() in page.text()


async def key_ids(house: SlackHouse) -> set[str]:
    rows = await house.rows(
        "SELECT sealed ->> 'recipientKeyId' AS key FROM konstruct.verified_credentials"
    )
    return {row["key"] for row in rows}
