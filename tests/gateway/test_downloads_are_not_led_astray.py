"""A vendor's file comes from the vendor, whatever an address, a redirect or a name says."""

from collections.abc import Sequence

import pytest

from konstruct_channels.fetching import Located
from konstruct_gateway.media.download import Downloader, DownloadLater, DownloadRefused
from support.far_files import TOKEN, FarFiles, Page, far_files

pytestmark = pytest.mark.sockets

HOSTS = ("files.slack.com", "*.slack.com")


def at(url: str, far: FarFiles | None = None, **over: object) -> Located:
    values: dict[str, object] = {
        "url": url,
        "hosts": HOSTS,
        "origin": far.url if far is not None else "",
        "headers": {"Authorization": f"Bearer {TOKEN}"},
    }
    return Located(**(values | over))  # type: ignore[arg-type]


async def fetched(located: Located, downloader: Downloader | None = None) -> bytes:
    async with (downloader or Downloader(timeout_seconds=2)).open(located) as download:
        return b"".join([piece async for piece in download.pieces])


async def refusal(located: Located, downloader: Downloader | None = None) -> str:
    with pytest.raises(DownloadRefused) as refused:
        await fetched(located, downloader)
    return refused.value.reason


def resolving(*addresses: str) -> Downloader:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return Downloader(resolve=resolve, timeout_seconds=1)


async def test_the_vendors_own_address_may_be_private_and_gets_the_token() -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(b"bytes")
        assert await fetched(at(f"{far.url}/F1", far)) == b"bytes"
        assert far.asked == ["/F1"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/F1",
        "https://slack.com.evil.example/F1",
        "https://files.slack.com@evil.example/F1",
        "https://xslack.com/F1",
        "http://files.slack.com/F1",
        "http://127.0.0.1:1/F1",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "gopher://files.slack.com/",
        "https://files.slack.com:99999/",
        "",
        "not an address",
        "https://[::1]/F1",
    ],
)
async def test_other_addresses_are_refused_before_anything_is_sent(url: str) -> None:
    async with far_files() as far:
        assert await refusal(at(url, far)) in {"host_not_allowed", "no_address"}
        assert far.asked + far.strangers == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2002:a00:1::",
        "64:ff9b::a9fe:a9fe",
        "nonsense",
    ],
)
async def test_a_listed_name_with_a_private_address_is_refused(address: str) -> None:
    located = at("https://files.slack.com/F1")
    assert await refusal(located, resolving(address)) == "private_address"
    assert await refusal(located, resolving("93.184.215.14", address)) == "private_address"


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/x", "https://evil.example/", "http://localhost:1/x", ""]
)
async def test_a_redirect_goes_nowhere_else(target: str) -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(status=302, headers={"Location": target})
        assert await refusal(at(f"{far.url}/F1", far)) in {
            "host_not_allowed",
            "too_many_redirects",
        }


async def test_a_redirect_of_the_vendor_is_followed_and_not_for_ever() -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(status=302, headers={"Location": "/F2"})
        far.pages["/F2"] = Page(b"moved")
        assert await fetched(at(f"{far.url}/F1", far)) == b"moved"
        far.pages["/F2"] = Page(status=301, headers={"Location": "/F1"})
        assert await refusal(at(f"{far.url}/F1", far)) == "too_many_redirects"


async def test_a_log_in_page_is_not_the_file() -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(b"<html>log in", headers={"Content-Type": "text/html; charset=x"})
        located = at(f"{far.url}/F1", far, media_type="image/png")
        assert await refusal(located) == "not_the_file"


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "status_404"), (403, "status_403"), (204, "status_204")]
)
async def test_a_no_is_a_no(status: int, reason: str) -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(status=status)
        assert await refusal(at(f"{far.url}/F1", far)) == reason


async def test_compressed_answers_are_refused() -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(b"x", headers={"Content-Encoding": "gzip"})
        assert await refusal(at(f"{far.url}/F1", far)) == "encoded"


async def test_a_busy_vendor_is_asked_later() -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(status=429, headers={"Retry-After": "7"})
        with pytest.raises(DownloadLater) as later:
            await fetched(at(f"{far.url}/F1", far))
        assert later.value.after_seconds == 7.0


async def test_a_vendor_that_breaks_off_is_asked_later() -> None:
    async with far_files() as far:
        far.pages["/F1"] = Page(b"half", length=100)
        with pytest.raises(DownloadLater):
            await fetched(at(f"{far.url}/F1", far))
        url = far.url
    with pytest.raises(DownloadLater):
        await fetched(at(f"{url}/F1", FarFiles(url)))
