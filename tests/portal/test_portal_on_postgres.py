"""The portal over the real store: log-in, sessions, usage and conversations as they are kept."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from konstruct_messages import identity
from konstruct_portal import accounts
from konstruct_portal.app import open_portal
from konstruct_portal.errors import AccountExists
from konstruct_portal.passwords import Passwords
from konstruct_portal.records import Role
from konstruct_portal.records_postgres import PostgresRecords
from konstruct_portal.settings import PortalSettings
from konstruct_store import Store
from konstruct_store import receive as stored
from support.build import inbound
from support.portal_fakes import ACME, sample_resources
from support.portal_site import KEY, PASSWORD, log_in, submit, token_of
from support.postgres import Database

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def visitors(
    database: Database, count: int = 1
) -> AsyncIterator[Sequence[httpx.AsyncClient]]:
    """Browsers in front of a portal over the test's database."""
    settings = PortalSettings(database_url=database.url("portal"), chat_key=KEY)
    async with open_portal(settings, resources=sample_resources()) as portal:
        transport = httpx.ASGITransport(app=portal.app)
        made = [
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8003")
            for _ in range(count)
        ]
        yield made
        for one in made:
            await one.aclose()


async def test_the_first_admin_is_made_once(database: Database, portal_store: Store) -> None:
    password = await accounts.ensure_first_admin(portal_store, "Admin@Example.com")
    assert len(password) >= 24
    assert await accounts.ensure_first_admin(portal_store, "admin@example.com") == ""
    async with visitors(database) as (visitor,):
        assert (await log_in(visitor, "admin@example.com", password)).status_code == 303
        assert "Acme Robotics" in (await visitor.get("/tenants")).text
        assert (await visitor.get("/readyz")).json() == {"status": "ready"}


async def test_an_address_has_one_account(portal_store: Store) -> None:
    records = PostgresRecords(portal_store)
    pool = Passwords(workers=1)
    try:
        for expected in (True, False):
            try:
                await accounts.create_user(
                    records, pool, email="Ana@Example.com", password=PASSWORD, role=Role.OPERATOR
                )
                assert expected
            except AccountExists:
                assert not expected
    finally:
        pool.close()


async def test_log_in_attempts_are_counted_across_replicas(
    database: Database, portal_store: Store
) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    async with visitors(database) as (one,), visitors(database) as (other,):
        for _ in range(5):
            assert (await log_in(one, "admin@example.com", "wrong")).status_code == 401
            assert (await log_in(other, "admin@example.com", "wrong")).status_code == 401
        assert (await log_in(one, "admin@example.com")).status_code == 429
        assert (await log_in(other, "admin@example.com")).status_code == 429


async def test_sessions_end_by_idleness_by_age_and_by_disabling(
    database: Database, portal_store: Store
) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    owner = await asyncpg.connect(database.owner_url)
    try:
        for change in (
            "UPDATE konstruct.portal_sessions SET seen_at = now() - interval '12 hours 1 second'",
            "UPDATE konstruct.portal_sessions SET opened_at = now() - interval '7 days 1 second'",
            "UPDATE konstruct.portal_users SET disabled_at = now()",
        ):
            async with visitors(database) as (visitor,):
                await log_in(visitor, "admin@example.com")
                assert (await visitor.get("/tenants")).status_code == 200
                await owner.execute(change)
                assert (await visitor.get("/tenants")).status_code == 303
    finally:
        await owner.close()


async def test_a_password_change_ends_the_other_sessions(
    database: Database, portal_store: Store
) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    async with visitors(database, 2) as (one, other):
        await log_in(one, "admin@example.com")
        await log_in(other, "admin@example.com")
        assert (await one.get("/profile")).text.count("Last used") == 2
        chosen = "a completely new river"
        answer = await submit(
            one,
            "/profile",
            "/profile/password",
            present=PASSWORD,
            chosen=chosen,
            repeated=chosen,
        )
        assert answer.status_code == 303
        assert (await one.get("/profile")).text.count("Last used") == 1
        assert (await other.get("/profile")).status_code == 303


async def test_preferences_are_kept(database: Database, portal_store: Store) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    async with visitors(database, 2) as (one, other):
        await log_in(one, "admin@example.com")
        await submit(one, "/profile", "/profile/preferences", language="pt", theme="dark")
        await log_in(other, "admin@example.com")
        assert '<html lang="pt" data-bs-theme="dark"' in (await other.get("/tenants")).text


async def test_what_people_wrote_is_listed_and_read(
    database: Database, portal_store: Store, gateway_store: Store
) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    tenant_id = identity.TenantId(ACME)
    website = identity.connection_id(tenant_id, "website")
    ana = identity.agent_id(tenant_id, "ana")
    (received,) = await stored.receive(
        gateway_store,
        ACME,
        website,
        ana,
        [inbound("Is anybody <b>there</b>?")],
        agent_name="ana",
    )
    async with visitors(database) as (visitor,):
        await log_in(visitor, "admin@example.com")
        listing = (await visitor.get("/tenants/acme/conversations")).text
        assert "Is anybody &lt;b&gt;there&lt;/b&gt;?" in listing
        assert "website" in listing
        assert "Ana" in listing
        address = re.search(r"/tenants/acme/conversations/[0-9a-f-]{36}", listing)
        assert address
        assert address[0].endswith(str(received.conversation_id))
        assert "Is anybody &lt;b&gt;there&lt;/b&gt;?" in (await visitor.get(address[0])).text
        assert "Is anybody" not in (await visitor.get("/tenants/globex/conversations")).text
        foreign = address[0].replace("acme", "globex")
        assert (await visitor.get(foreign)).status_code == 404
        overview = (await visitor.get("/tenants/acme")).text
        assert re.search(r'Messages</div>\s*<div class="stat-value">1<', overview)


async def test_a_broken_database_is_a_503_and_the_next_try_works(
    database: Database, portal_store: Store
) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    async with visitors(database) as (visitor,):
        await log_in(visitor, "admin@example.com")
        owner = await asyncpg.connect(database.owner_url)
        try:
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'konstruct_portal_login' AND datname = current_database()"
            )
        finally:
            await owner.close()
        statuses = [(await visitor.get("/tenants")).status_code for _ in range(5)]
        assert set(statuses) <= {200, 503}
        assert statuses[-1] == 200


async def test_many_log_ins_at_once_open_as_many_sessions(
    database: Database, portal_store: Store
) -> None:
    await accounts.ensure_first_admin(portal_store, "admin@example.com", PASSWORD)
    async with visitors(database, 6) as browsers:
        answers = await asyncio.gather(*(log_in(one, "admin@example.com") for one in browsers))
        assert [one.status_code for one in answers] == [303] * 6
        page = await browsers[0].get("/profile")
        assert page.text.count("Last used") == 6
        token = token_of(page)
        await browsers[0].post("/profile/sessions/close-others", data={"form_token": token})
        states = [(await one.get("/profile")).status_code for one in browsers]
        assert states == [200, 303, 303, 303, 303, 303]


async def test_what_may_be_used_once_is_used_once_however_many_try(portal_store: Store) -> None:
    records = PostgresRecords(portal_store)
    tries = await asyncio.gather(
        *(records.use_once("slack-install/nonce", window_seconds=600) for _ in range(8))
    )
    assert sorted(tries) == [False] * 7 + [True]
    assert await records.use_once("slack-install/another", window_seconds=600)
