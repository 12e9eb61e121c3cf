"""A person's file goes up, is said in a message, and comes down by a link; nobody else's does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from konstruct_messages.links import link
from support.far_agent import far_agent
from support.files import PNG, kept, pdf
from support.gateways import RunningGateway, SampleTenant
from support.uploading import Sender, digest, sender
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres


async def test_a_file_goes_up_is_said_and_comes_down(
    keeping: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(keeping.internal_url, tenant.token) as agent,
        visiting(keeping.url, "acme/website") as visitor,
        visiting(
            keeping.url,
            "acme/website",
            resume=visitor.resume,
            conversation=visitor.conversation,
        ) as other_tab,
    ):
        person = await sender(keeping.url, resume=visitor.resume)
        file = await person.uploaded(PNG, name="Año nuevo.png")
        assert file | {"key": "", "url": ""} == {
            "key": "",
            "name": "Año nuevo.png",
            "mediaType": "image/png",
            "sizeBytes": len(PNG),
            "url": "",
        }
        await visitor.send(
            {"type": "message", "id": "m1", "text": "", "attachments": [{"key": file["key"]}]}
        )
        await visitor.wait_for("accepted")
        _, said = await other_tab.wait_for("said")
        await visitor.wait_for("reply")
    [line] = agent.turns[0].messages
    assert [(one.key, one.name, one.media_type) for one in line.attachments] == [
        (file["key"], "Año nuevo.png", "image/png")
    ]
    [attached] = said["attachments"]
    answer = await person.download(attached["url"])
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith('attachment; filename="Ano nuevo.png"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_ready_says_which_files_are_taken(
    keeping: RunningGateway, running: RunningGateway
) -> None:
    async with visiting(keeping.url, "acme/website") as visitor:
        assert visitor.ready["files"]["largestBytes"] == 10_485_760
        assert "image/*" in visitor.ready["files"]["mediaTypes"]


async def test_without_a_place_for_files_none_are_taken(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with visiting(running.url, "acme/website") as visitor:
        assert "files" not in visitor.ready
    answer = await (await sender(running.url)).upload()
    assert answer.status_code == 403


@pytest.mark.parametrize("bearer", ["", "x", "a.b", "eyJ.eyJ"])
async def test_without_a_credential_nothing_is_taken(
    keeping: RunningGateway, folder: Path, bearer: str
) -> None:
    person = Sender(keeping.url, "acme/website", bearer)
    assert (await person.upload()).status_code == 401
    assert kept(folder) == []


async def test_a_credential_is_good_for_its_own_chat(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path
) -> None:
    person = await sender(keeping.url)
    assert (await person.upload(chat="acme/staff")).status_code == 401
    assert (await person.upload(chat="acme/nowhere")).status_code == 404
    assert (await person.upload(bearer=tenant.portal_ticket())).status_code == 401
    assert kept(folder) == []
    portal = Sender(keeping.url, "acme/portal", tenant.portal_ticket())
    assert (await portal.upload()).status_code == 201


async def test_a_visitors_own_credential_serves_as_well(keeping: RunningGateway) -> None:
    person = await sender(keeping.url)
    assert (await person.upload(bearer=person.resume)).status_code == 201


async def test_a_page_of_another_origin_sends_nothing(
    keeping: RunningGateway, folder: Path
) -> None:
    person = await sender(keeping.url)
    answer = await person.upload(headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert kept(folder) == []
    allowed = await person.upload(headers={"Origin": "https://www.acme.example"})
    assert allowed.status_code == 201
    assert allowed.headers["access-control-allow-origin"] == "https://www.acme.example"
    assert "access-control-allow-credentials" not in allowed.headers


# --- what is taken


@pytest.mark.parametrize(
    ("data", "media_type", "name", "found"),
    [
        (PNG, "text/html", "a.html", "image/png"),
        (b"hello", "text/plain", "a.txt", "text/plain"),
        (b"<h1>hello", "text/html", "a.html", "text/html"),
        (b"<svg onload='alert(1)'/>", "image/svg+xml", "a.svg", "image/svg+xml"),
        (pdf("hello"), "application/pdf", "a.pdf", "application/pdf"),
    ],
)
async def test_nothing_but_pictures_comes_down_as_what_it_is(
    keeping: RunningGateway, data: bytes, media_type: str, name: str, found: str
) -> None:
    person = await sender(keeping.url)
    file = await person.uploaded(data, media_type=media_type, name=name)
    assert file["mediaType"] == found
    answer = await person.download(file["url"])
    served = "image/png" if found == "image/png" else "application/octet-stream"
    assert answer.headers["content-type"] == served
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content == data


@pytest.mark.parametrize(
    ("data", "media_type", "name"),
    [
        (b"MZ\x90\x00\x00", "application/x-msdownload", "a.exe"),
        (b"\x7fELF\x00\x01", "image/png", "a.png"),
        (b"PK\x03\x04\x00", "application/zip", "a.zip"),
        (b"\x00\x01\x02", "", ""),
        (b"<html>", "image/png", "a.png"),
    ],
)
async def test_other_types_are_refused(
    keeping: RunningGateway, folder: Path, data: bytes, media_type: str, name: str
) -> None:
    answer = await (await sender(keeping.url)).upload(data, media_type=media_type, name=name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "wrong_type")
    assert kept(folder) == []


async def test_an_empty_file_is_refused(keeping: RunningGateway, folder: Path) -> None:
    answer = await (await sender(keeping.url)).upload(b"", media_type="text/plain", name="a.txt")
    assert answer.status_code == 422
    assert kept(folder) == []


async def test_the_connection_says_how_much_and_what(
    keeping: RunningGateway, tenant: SampleTenant, folder: Path
) -> None:
    config = {"visitors": "Allowed", "largestFileBytes": 1024, "fileTypes": ["image/png"]}
    tenant.over["connections"] = (tenant.connection("website", config=config),)
    await tenant.register(keeping.internal_url)
    person = await sender(keeping.url)
    declared = await person.upload(b"x" * 1025)
    assert (declared.status_code, declared.json()["error"]["code"]) == (413, "too_large")
    assert (await person.upload(b"hello", media_type="text/plain")).status_code == 415

    async def undeclared() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield PNG

    assert (await person.upload(undeclared())).status_code == 413
    assert kept(folder) == []
    tenant.over["connections"] = (
        tenant.connection("website", config={"visitors": "Allowed", "files": "Denied"}),
    )
    await tenant.register(keeping.internal_url)
    assert (await person.upload()).status_code == 403


async def test_a_person_cannot_send_without_end(
    keeping: RunningGateway, tenant: SampleTenant
) -> None:
    config = {"visitors": "Allowed", "filesPerMinute": 2}
    tenant.over["connections"] = (tenant.connection("website", config=config),)
    await tenant.register(keeping.internal_url)
    person = await sender(keeping.url)
    codes = [(await person.upload()).status_code for _ in range(3)]
    assert codes == [201, 201, 429]
    assert (await (await sender(keeping.url)).upload()).status_code == 201


# --- what is said of it


async def test_a_checksum_is_held_against_the_bytes(keeping: RunningGateway, folder: Path) -> None:
    person = await sender(keeping.url)
    right = await person.upload(PNG, headers={"Content-Digest": digest(PNG)})
    assert right.status_code == 201
    for wrong in (digest(b"other"), "sha-256=:x:", "md5=:AAAA:", "nonsense"):
        answer = await person.upload(PNG, headers={"Content-Digest": wrong})
        assert answer.status_code == 422, wrong
    assert len(kept(folder)) == 1


@pytest.mark.parametrize("declared", [len(PNG) - 1, len(PNG) + 1])
async def test_a_lying_length_leaves_nothing(
    keeping: RunningGateway, folder: Path, declared: int
) -> None:
    person = await sender(keeping.url)
    host, port = keeping.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /chat/acme/website/files HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {person.bearer}\r\nContent-Type: image/png\r\n"
        f"Content-Length: {declared}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + PNG)
    await writer.drain()
    if declared > len(PNG):
        writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    # Short of what was declared, nobody is left to answer; what is over it is another request.
    if declared < len(PNG):
        assert answer.startswith(b"HTTP/1.1 201")
        assert len(kept(folder)) == 1
        assert kept(folder)[0].stat().st_size == declared
    else:
        assert not answer.startswith(b"HTTP/1.1 201")
        assert kept(folder) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("invoice\u202egnp.exe.png", "invoicegnp.exe.png"),
        ("a\r\nSet-Cookie: x=1.png", "x=1.png"),
        ("", "file"),
        ("%00%ff", "%00%ff"),
    ],
)
async def test_hostile_names_become_plain(keeping: RunningGateway, given: str, shown: str) -> None:
    person = await sender(keeping.url)
    file = await person.uploaded(name=given)
    assert file["name"] == shown
    answer = await person.download(file["url"])
    assert "set-cookie" not in answer.headers


async def test_a_very_long_name_is_cut(keeping: RunningGateway) -> None:
    file = await (await sender(keeping.url)).uploaded(name=f"{'a' * 1000}.png")
    assert len(file["name"]) <= 120
    assert file["name"].endswith(".png")


# --- whose it is


async def said(keeping: RunningGateway, person: Sender, *keys: str, **over: Any) -> dict[str, Any]:
    """Send a message with files; return how it was taken."""
    async with visiting(keeping.url, person.chat, resume=person.resume) as visitor:
        frame = {"type": "message", "id": uuid4().hex, "text": "look"}
        attachments = [{"key": key} for key in keys]
        await visitor.send(frame | {"attachments": attachments} | over)
        await until(lambda: bool(visitor.count("accepted") or visitor.count("error")))
        return (visitor.of_kind("accepted") or visitor.of_kind("error"))[0]


async def test_a_file_is_said_once_and_by_its_own_person(keeping: RunningGateway) -> None:
    person, other = await sender(keeping.url), await sender(keeping.url)
    file = await person.uploaded()
    refused = await said(keeping, other, file["key"])
    assert (refused["type"], refused["code"]) == ("error", "bad_file")
    assert (await said(keeping, person, file["key"]))["type"] == "accepted"
    assert (await said(keeping, person, file["key"]))["code"] == "bad_file"
    assert (await said(keeping, person, str(uuid4())))["code"] == "bad_file"
    assert (await said(keeping, person, "not a key"))["code"] == "bad_field"
    assert (await said(keeping, person, *[str(uuid4())] * 11))["code"] == "bad_field"


async def test_the_same_message_again_is_acknowledged_again(keeping: RunningGateway) -> None:
    person = await sender(keeping.url)
    file = await person.uploaded()
    async with visiting(keeping.url, person.chat, resume=person.resume) as visitor:
        for _ in range(2):
            await visitor.send(
                {"type": "message", "id": "m1", "attachments": [{"key": file["key"]}]}
            )
        await visitor.wait_for("accepted", 2)
        assert [one["seq"] for one in visitor.of_kind("accepted")] == [1, 1]


async def test_a_link_opens_one_file(keeping: RunningGateway) -> None:
    person = await sender(keeping.url)
    mine, other = await person.uploaded(), await person.uploaded()
    assert (await person.download(mine["url"])).status_code == 200
    swapped = mine["url"].replace(mine["key"], other["key"])
    assert (await person.download(swapped)).status_code == 403
    assert (await person.download(mine["url"].split("?")[0])).status_code == 403
    expired = mine["url"].replace("expires=", "expires=0")
    assert (await person.download(expired)).status_code == 403
    tenant_id = mine["url"].split("/")[3]
    assert (await person.download(mine["url"].replace(tenant_id, str(uuid4())))).status_code == 403


async def test_an_expired_link_says_so(keeping: RunningGateway) -> None:
    files = keeping.gateway.parts.chat.files
    person = await sender(keeping.url)
    file = await person.uploaded()
    ids = [UUID(one) for one in file["url"].split("?")[0].split("/")[3:5]]
    old = link(ids[0], ids[1], key=files.key, now=files.now() - timedelta(hours=2))
    answer = await person.download(old)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "gone")


async def test_a_forgotten_file_is_gone(keeping: RunningGateway, folder: Path) -> None:
    person = await sender(keeping.url)
    file = await person.uploaded()
    for one in kept(folder):
        one.unlink()
    assert (await person.download(file["url"])).status_code == 404
