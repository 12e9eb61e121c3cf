"""The portal's people, sessions and lists."""

import hashlib

import asyncpg
import pytest

from konstruct_messages.turns import ConversationMode
from konstruct_store import Store, portal
from support.build import TENANT, inbound
from support.postgres import Database
from support.working import Office

pytestmark = pytest.mark.postgres

TOKEN = hashlib.sha256(b"token").digest()


async def test_an_address_has_one_user_whatever_its_case(portal_store: Store) -> None:
    user = await portal.create_user(
        portal_store, "Ana@Example.com", "hash", role="operator", tenants=frozenset({TENANT})
    )
    assert user is not None
    assert await portal.create_user(portal_store, "ana@example.com", "h", role="admin") is None
    found = await portal.find_user(portal_store, "ANA@example.com")
    assert found == user
    assert user.tenants == {TENANT}
    assert "hash" not in repr(user)
    assert user.email == "ana@example.com"


async def test_a_session_ends_when_idle_too_old_closed_or_its_user_disabled(
    portal_store: Store, database: Database
) -> None:
    user = await portal.create_user(portal_store, "a@example.com", "hash", role="admin")
    assert user is not None
    owner = await asyncpg.connect(database.owner_url)

    async def opened() -> None:
        await portal.close_sessions_of_user(portal_store, user.user_id)
        await portal.open_session(portal_store, user.user_id, TOKEN, user_agent="firefox")
        session = await portal.load_session(portal_store, TOKEN)
        assert session is not None
        assert session.user.email == "a@example.com"

    await opened()
    await owner.execute(
        "UPDATE konstruct.portal_sessions SET seen_at = now() - interval '12 hours'"
    )
    assert await portal.load_session(portal_store, TOKEN) is None
    await opened()
    await owner.execute(
        "UPDATE konstruct.portal_sessions SET opened_at = now() - interval '7 days'"
    )
    assert await portal.load_session(portal_store, TOKEN) is None
    await opened()
    [row] = await portal.sessions(portal_store, user.user_id)
    assert row.user_agent == "firefox"
    await portal.close_session(portal_store, user.user_id, row.session_id)
    assert await portal.load_session(portal_store, TOKEN) is None
    await opened()
    await portal.set_password_hash(portal_store, user.user_id, "better parameters")
    assert await portal.load_session(portal_store, TOKEN) is not None
    await portal.update_user(portal_store, user.user_id, password_hash="new password")
    assert await portal.load_session(portal_store, TOKEN) is None
    await opened()
    await portal.update_user(portal_store, user.user_id, language="es", theme="dark")
    session = await portal.load_session(portal_store, TOKEN)
    assert session is not None
    assert (session.user.language, session.user.theme) == ("es", "dark")
    await portal.update_user(portal_store, user.user_id, disabled=True)
    assert await portal.load_session(portal_store, TOKEN) is None
    await owner.close()


async def test_attempts_are_counted_within_their_window(portal_store: Store) -> None:
    for expected in (1, 2, 3):
        assert await portal.count_attempt(portal_store, "ip", window_seconds=60) == expected
    assert await portal.count_attempt(portal_store, "ip", window_seconds=0) == 1
    await portal.forget_attempts(portal_store, "ip")
    assert await portal.count_attempt(portal_store, "ip", window_seconds=60) == 1
    await portal.prune(portal_store)


async def test_conversations_are_listed_with_what_was_said_last(
    gateway_store: Store, portal_store: Store
) -> None:
    office = Office(gateway_store)
    for i in range(3):
        await office.write(inbound(f"question {i}", conversation_key=f"c{i}"))
    await office.complete(await office.must_claim(), "answer")
    rows = await portal.conversations(portal_store, office.tenant_id)
    assert [row.last_text for row in rows] == ["answer", "question 2", "question 1"]
    assert (rows[0].entries, rows[0].mode) == (2, ConversationMode.AGENT)
    older = await portal.conversations(
        portal_store, office.tenant_id, before=rows[1].active_at, limit=1
    )
    assert [row.last_text for row in older] == ["question 1"]
    transcript = await portal.transcript(
        portal_store, office.tenant_id, rows[0].conversation_id, limit=1
    )
    assert transcript is not None
    assert transcript.earlier
    assert [entry.payload["text"] for entry in transcript.entries] == ["answer"]
