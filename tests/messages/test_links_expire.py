"""A link opens one file of one tenant until it expires."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from konstruct_messages.errors import ExpiredCredential, ForgedCredential
from konstruct_messages.links import LINK_LIFETIME, check_link, link, link_key

KEY = link_key(b"k" * 32)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENANT, MEDIA = uuid4(), uuid4()


def opened(address: str, *, tenant: UUID = TENANT, media: UUID = MEDIA, at: datetime = NOW) -> None:
    query = parse_qs(urlsplit(address).query)
    [expires], [signature] = query["expires"], query["signature"]
    check_link(tenant, media, expires, signature, key=KEY, now=at)


def test_a_link_opens_its_file_until_its_end() -> None:
    address = link(TENANT, MEDIA, key=KEY, now=NOW)
    assert urlsplit(address).path == f"/chat/files/{TENANT}/{MEDIA}"
    opened(address)
    opened(address, at=NOW + LINK_LIFETIME - timedelta(seconds=1))
    with pytest.raises(ExpiredCredential):
        opened(address, at=NOW + LINK_LIFETIME)


def test_a_link_opens_nothing_else() -> None:
    address = link(TENANT, MEDIA, key=KEY, now=NOW)
    with pytest.raises(ForgedCredential):
        opened(address, media=uuid4())
    with pytest.raises(ForgedCredential):
        opened(address, tenant=uuid4())


def test_a_link_cannot_be_prolonged() -> None:
    address = link(TENANT, MEDIA, key=KEY, now=NOW)
    expires = parse_qs(urlsplit(address).query)["expires"][0]
    with pytest.raises(ForgedCredential):
        opened(address.replace(expires, str(int(expires) + 1)))


@pytest.mark.parametrize("expires", ["", "-1", "1.5", "١٢٣", "9" * 100, "x"])
def test_a_time_that_is_none_is_forged(expires: str) -> None:
    with pytest.raises(ForgedCredential):
        check_link(TENANT, MEDIA, expires, "x", key=KEY, now=NOW)


def test_links_are_signed_with_a_key_of_their_own() -> None:
    address = link(TENANT, MEDIA, key=b"k" * 32, now=NOW)
    with pytest.raises(ForgedCredential):
        opened(address)
