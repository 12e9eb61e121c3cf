"""Where Slack keeps a file that somebody shared.

Facts: https://docs.slack.dev/reference/objects/file-object. `url_private` wants the bot's token and
the scope `files:read`; without the scope it answers a log-in page with status 200.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from konstruct_channels.errors import CredentialsRefused, SendRefused
from konstruct_channels.fetching import Located
from konstruct_channels.slack.calls import Call
from konstruct_channels.slack.fields import mapping, text

HOSTS = ("files.slack.com", "*.slack.com", "*.slack-files.com")
_ELSEWHERE = frozenset({"external", "hidden_by_limit", "tombstone"})


async def locate(call: Call, key: str, *, token: str, api_url: str) -> Located:
    """Return where the file `key` is. Raises as `Fetches.locate`."""
    try:
        answer = await call("files.info", {"file": key})
    except CredentialsRefused:
        raise
    except SendRefused as refused:
        # A missing scope is the app's set-up and no reason to doubt its token.
        raise SendRefused(f"files.info: {refused}") from refused
    return located(mapping(answer.get("file")), token=token, api_url=api_url)


def located(file: Mapping[str, Any], *, token: str, api_url: str) -> Located:
    """Return where a file object says that its bytes are. Pure."""
    mode = text(file, "mode")
    if mode in _ELSEWHERE or file.get("is_external") is True:
        raise SendRefused(f"the file is not Slack's to give ({mode or 'external'})")
    url = text(file, "url_private_download") or text(file, "url_private")
    if not url:
        raise SendRefused("Slack names no address of the file")
    size = file.get("size")
    parts = urlsplit(api_url)
    return Located(
        url=url,
        hosts=HOSTS,
        origin=f"{parts.scheme}://{parts.netloc}",
        headers={"Authorization": f"Bearer {token}"},
        name=text(file, "name") or text(file, "title"),
        media_type=text(file, "mimetype"),
        size_bytes=size if type(size) is int and size > 0 else None,
    )
