"""A portal to click through, and a browser to click with."""

from collections.abc import AsyncIterator

import pytest_asyncio

from support.portal_browser import running
from support.portal_site import Site, open_site

__all__ = ["running", "site"]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened
