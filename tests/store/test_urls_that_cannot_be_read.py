"""A database's URL that cannot be read is named as the mistake; its password is not repeated."""

import traceback
from collections.abc import Awaitable, Callable

import pytest

from konstruct_store import Store, migrate
from konstruct_store.errors import ConfigurationWrong

URLS = [
    "postgresql://u:hunter2/x@localhost/k",
    "postgresql://u:hunter2@localhost:port/k",
    "postgresql://u:hunter2@[::1/k",
    "postgresql://u:hunter2@localhost/k?sslmode=any",
    "postgres//u:hunter2@localhost/k",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("opened", [Store.connect, migrate.migrate], ids=["program", "migration"])
async def test_a_url_that_cannot_be_read_is_named_without_its_password(
    url: str, opened: Callable[[str], Awaitable[object]]
) -> None:
    with pytest.raises(ConfigurationWrong, match="URL cannot be read") as raised:
        await opened(url)
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
