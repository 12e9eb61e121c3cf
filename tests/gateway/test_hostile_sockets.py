import json
import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from konstruct_messages.credentials import CredentialUse
from support.chatting import chatting, opening, take_ticket
from support.far_agent import far_agent
from support.gateways import RunningGateway, SampleTenant, running_gateway, settings_for
from support.postgres import Database
from support.visitor import visiting

pytestmark = pytest.mark.postgres

WHOLE = json.dumps({"type": "message", "id": "m-1", "text": "hello"})
MALFORMED: tuple[str | bytes, ...] = (
    *("", " ", "null", "5", "[]", '"text"', "{", "{}", "NaN", '{"type":5}', '{"type":null}'),
    '{"type":"message"}',
    '{"type":"message","id":5,"text":"x"}',
    '{"type":"message","id":"","text":"x"}',
    '{"type":"message","id":"x","text":{}}',
    '{"type":"message","id":"x","text":""}',
    '{"type":"message","id":"x","text":"a\\u0000b"}',
    '{"type":"message","id":"\\ud800","text":"b"}',
    '{"type":"message","id":"' + "i" * 200 + '","text":"b"}',
    '{"type":"message","id":"x","text":"x","attachments":{}}',
    '{"type":"message","id":"x","text":"x","attachments":[1]}',
    '{"type":"stop"}',
    '{"type":"stop","turn":"no uuid"}',
    '{"type":"choose","ask":"x"}',
    '{"type":"auth","ticket":"again"}',
    "[" * 100_000,
    '{"a":' * 20_000,
    json.dumps({"type": "message", "id": "x", "text": "a" * 200_000}),
    json.dumps({"type": "message", "id": "x", "text": "a" * 20_000}),
    json.dumps({"type": "message", "id": "x", "text": "a" * 2_000_000}),
    b"",
    b"\x00\xff\xfe",
    WHOLE.encode(),
)


async def test_300_malformed_frames_get_clean_errors_and_the_socket_lives(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    source = random.Random(11)
    malformed = list(MALFORMED)
    while len(malformed) < 300:
        cut = source.randrange(1, len(WHOLE))
        malformed.append(WHOLE[:cut] + source.choice(["", "}", '"', "\x00", "]]"]))
        if _whole(malformed[-1]):
            malformed.pop()
    source.shuffle(malformed)
    async with far_agent(running.internal_url, tenant.token):
        given = await take_ticket(running.url, "acme/website")
        async with chatting(running.url, "acme/website", given["ticket"]) as chat:
            for frame in malformed:
                await chat.send(frame)
                answer = await chat.next()
                assert answer["type"] == "error", (frame[:80], answer)
                assert answer["code"]
                assert answer["text"]
            await chat.send({"type": "message", "id": "m-1", "text": "still there?"})
            assert (await chat.next())["type"] == "accepted"
            assert (await chat.until("reply"))["text"] == "You said: still there?"


def _whole(frame: str | bytes) -> bool:
    try:
        return isinstance(json.loads(frame), dict)
    except ValueError:
        return False


async def test_frames_of_a_newer_client_are_ignored(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    given = await take_ticket(running.url, "acme/website")
    async with chatting(running.url, "acme/website", given["ticket"], mood="good") as chat:
        await chat.send({"type": "wave", "hand": "left"})
        await chat.send({"type": "typing"})
        await chat.send({"type": "message", "id": "m", "text": "hi", "colour": {"a": [1]}})
        assert (await chat.next())["type"] == "accepted"


@pytest.mark.parametrize(
    "first",
    [
        WHOLE,
        "",
        "{",
        b"binary",
        '{"type":"auth"}',
        '{"type":"auth","ticket":""}',
        '{"type":"auth","ticket":"forged.ticket"}',
        '{"type":"auth","ticket":"é"}',
        '{"type":"auth","ticket":"' + "x" * 5000 + '"}',
    ],
    ids=lambda first: repr(first)[:40],
)
async def test_without_a_ticket_first_the_socket_is_closed(
    running: RunningGateway, tenant: SampleTenant, first: str | bytes
) -> None:
    async with opening(running.url, "acme/website") as chat:
        await chat.send(first)
        await chat.send(WHOLE)
        assert await chat.close_code() == 4401


async def test_a_socket_that_says_nothing_is_closed_in_time(
    database: Database, tenant: SampleTenant
) -> None:
    assert settings_for("postgresql://nowhere").authenticate_seconds == 10
    async with running_gateway(database.url("gateway"), authenticate_seconds=0.3) as running:
        await tenant.register(running.internal_url)
        async with opening(running.url, "acme/website") as chat:
            assert await chat.close_code(seconds=3) == 4401


async def test_a_ticket_is_good_for_its_own_chat_only(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    other = SampleTenant("globex")
    await other.register(running.internal_url)
    visitor = await take_ticket(running.url, "acme/website")
    past = datetime.now(UTC) - timedelta(seconds=1)
    tickets = [
        ("globex/website", visitor["ticket"]),
        ("acme/staff", visitor["ticket"]),
        ("acme/portal", visitor["ticket"]),
        ("acme/website", visitor["resume"]),
        ("acme/website", tenant.portal_ticket()),
        ("globex/portal", tenant.portal_ticket()),
        ("acme/portal", tenant.portal_ticket(expires_at=past)),
        ("acme/portal", tenant.portal_ticket(use=CredentialUse.RESUME)),
        ("acme/portal", tenant.portal_ticket("nobody")),
    ]
    for connection, ticket in tickets:
        async with opening(running.url, connection) as chat:
            await chat.send({"type": "auth", "ticket": ticket})
            assert await chat.close_code() == 4401, connection


async def test_another_persons_conversation_is_closed(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with visiting(running.url, "acme/website") as owner:
        await owner.say("mine")
        await owner.wait_for("accepted")
        given = await take_ticket(running.url, "acme/website")
        async with opening(running.url, "acme/website") as chat:
            auth = {"ticket": given["ticket"], "conversation": owner.conversation}
            await chat.send({"type": "auth", **auth})
            assert await chat.close_code() == 4403


async def test_who_joined_first_and_wrote_second_is_closed_too(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    first, second = [await take_ticket(running.url, "acme/website") for _ in range(2)]
    name = "squatted"
    one = chatting(running.url, "acme/website", first["ticket"], conversation=name)
    two = chatting(running.url, "acme/website", second["ticket"], conversation=name)
    async with one as owner, two as intruder:
        await owner.send(WHOLE)
        assert (await owner.next())["type"] == "accepted"
        await intruder.send({"type": "message", "id": "m-9", "text": "let me in"})
        assert await intruder.close_code() == 4403


async def test_a_page_of_a_foreign_origin_gets_neither_ticket_nor_socket(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    allowed = ["https://www.acme.example", "https://chat.example.com"]
    refused = [
        "https://evil.example",
        "http://www.acme.example",
        "null",
        "https://www.acme.example.evil",
    ]
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        for origin in allowed:
            headers = {"Origin": origin}
            answer = await client.post("/chat/acme/website/ticket", headers=headers)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin
            preflight = await client.options("/chat/acme/website/ticket", headers=headers)
            assert preflight.status_code == 204
            async with opening(running.url, "acme/website", origin=origin) as chat:
                await chat.send({"type": "auth", "ticket": answer.json()["ticket"]})
                assert (await chat.next())["type"] == "ready"
        for origin in refused:
            headers = {"Origin": origin}
            answer = await client.post("/chat/acme/website/ticket", headers=headers)
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
            with pytest.raises(InvalidStatus) as raised:
                async with opening(running.url, "acme/website", origin=origin):
                    pass
            assert raised.value.response.status_code == 403


async def test_only_the_portal_lets_people_into_chats_without_visitors(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        for path in ("acme/staff", "acme/portal"):
            answer = await client.post(f"/chat/{path}/ticket")
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "forbidden"
        for path in ("acme/nothing", "nobody/website"):
            assert (await client.post(f"/chat/{path}/ticket")).status_code == 404
        for body in (b"[1]", b"{", b'{"resume":5}', b'{"name":"' + b"n" * 200 + b'"}'):
            answer = await client.post("/chat/acme/website/ticket", content=body)
            assert answer.status_code == 422
        answer = await client.post("/chat/acme/website/ticket", content=b"x" * 70_000)
        assert answer.status_code == 413


async def test_an_unusable_resume_makes_a_new_visitor(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with visiting(running.url, "acme/website") as owner:
        await owner.say("mine")
        await owner.wait_for("accepted")
    for resume in ("forged", owner.resume[:-2] + "zz"):
        given = await take_ticket(running.url, "acme/website", resume=resume)
        async with opening(running.url, "acme/website") as chat:
            auth = {"ticket": given["ticket"], "conversation": owner.conversation}
            await chat.send({"type": "auth", **auth})
            assert await chat.close_code() == 4403


async def test_who_writes_too_fast_is_told_and_closed(
    database: Database, tenant: SampleTenant
) -> None:
    url = database.url("gateway")
    async with running_gateway(url, messages_burst=5, messages_per_minute=1.0) as running:
        await tenant.register(running.internal_url)
        given = await take_ticket(running.url, "acme/website", language="es-MX")
        async with chatting(running.url, "acme/website", given["ticket"]) as chat:
            for number in range(6):
                await chat.send({"type": "message", "id": f"m-{number}", "text": "hello"})
            error = await chat.until("error")
            assert error["code"] == "too_fast"
            assert error["id"] == "m-5"
            assert error["text"].startswith("Han sido muchos mensajes")
            assert await chat.close_code() == 4429


async def test_sockets_and_tickets_of_one_address_have_limits(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(
        database.url("gateway"),
        tickets_burst=3,
        max_sockets_per_address=2,
        max_sockets_per_person=1,
    ) as running:
        await tenant.register(running.internal_url)
        tickets = [await take_ticket(running.url, "acme/website") for _ in range(3)]
        with pytest.raises(httpx.HTTPStatusError) as refused:
            await take_ticket(running.url, "acme/website")
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"] == "1"
        async with (
            chatting(running.url, "acme/website", tickets[0]["ticket"]),
            opening(running.url, "acme/website") as chat,
        ):
            with pytest.raises(InvalidStatus) as raised:
                async with opening(running.url, "acme/website"):
                    pass
            assert raised.value.response.status_code == 429
            await chat.send({"type": "auth", "ticket": tickets[0]["ticket"]})
            assert await chat.close_code() == 4429


async def test_a_message_over_every_limit_closes_only_its_own_socket(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    given = await take_ticket(running.url, "acme/website")
    async with (
        visiting(running.url, "acme/website") as other,
        chatting(running.url, "acme/website", given["ticket"]) as chat,
    ):
        await chat.send("x" * 5_000_000)
        assert await chat.close_code() == 1009
        await other.say("hello")
        await other.wait_for("accepted")
