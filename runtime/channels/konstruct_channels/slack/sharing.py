"""A reply's file in its conversation: a place for it, its bytes, then the share that people see.

Slack knows a file once its upload is completed, which is also what shows it: the file's id is noted
before that, and asked about after a lost answer. Where Slack takes no files from this app, people
get the sentence with the link instead.
https://docs.slack.dev/messaging/working-with-files#upload
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from konstruct_channels.errors import (
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    VendorNotAsked,
)
from konstruct_channels.outbound import Outgoing, OutgoingFile
from konstruct_channels.slack import posting
from konstruct_channels.slack.calls import Call, whereabouts
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.refusals import Refusals

Put = Callable[[str, bytes], Awaitable[None]]
"""Puts a file's bytes to the address that Slack named. Raises SendLater."""

_FILES = "files"
_NO_FILES = frozenset(
    {
        *("missing_scope", "no_permission", "access_denied"),
        *("file_uploads_disabled", "file_uploads_except_images_restricted"),
        *("file_upload_size_restricted", "storage_limit_reached", "over_file_size_limit"),
    }
)
_SHOWN_LATE = 5
_KINDS = ("channels", "groups", "ims")


async def share(
    call: Call, put: Put, outgoing: Outgoing, file: OutgoingFile, refusals: Refusals
) -> str | None:
    """Bring a file into its conversation; return Slack's id, or None where Slack takes none.

    Then `outgoing.text` is to be said, as a message that is marked like any other. Raises
    SendRefused, SendLater, SendUnclear or SendUnknown.
    """
    if outgoing.in_doubt:
        there = await _there(call, outgoing)
        if there:
            return there
    if refusals.holds(call.team, _FILES):
        return None
    data = await file.read()
    try:
        place = await call(
            "files.getUploadURLExternal", {"filename": file.name, "length": len(data)}
        )
    except SendRefused as refused:
        if str(refused) not in _NO_FILES:
            raise
        refusals.note(call.team, _FILES)
        return None
    key = text(place, "file_id")
    await put(text(place, "upload_url"), data)
    await outgoing.note(key)
    await _complete(call, outgoing, key, file.name)
    return key


async def _complete(call: Call, outgoing: Outgoing, key: str, name: str) -> None:
    channel, thread = whereabouts(outgoing.conversation_key)
    arguments: dict[str, Any] = {
        "files": json.dumps([{"id": key, "title": name}]),
        "channel_id": channel,
        **({"thread_ts": thread} if thread else {}),
    }
    try:
        await call("files.completeUploadExternal", arguments, channel=channel)
    except CredentialsRefused:
        raise
    except SendRefused as refused:
        raise SendRefused(f"files.completeUploadExternal: {refused}") from refused


async def _there(call: Call, outgoing: Outgoing) -> str:
    """Return what Slack has of an earlier attempt: the file, or the sentence in its place.

    Raises SendUnclear, and VendorNotAsked where Slack cannot tell.
    """
    if outgoing.noted and await _shared(call, outgoing):
        return outgoing.noted
    found = await posting.ask_about(call, outgoing)
    return next(iter(found.pieces.values()), "")


async def _shared(call: Call, outgoing: Outgoing) -> bool:
    try:
        answer = await call("files.info", {"file": outgoing.noted})
    except SendRefused as refused:
        if str(refused) in {"file_not_found", "file_deleted"}:
            # Never completed; or seen, and deleted by somebody.
            return str(refused) == "file_deleted"
        raise VendorNotAsked(f"Slack cannot be asked about the file: {refused}") from refused
    except (SendLater, SendUnclear) as busy:
        if outgoing.attempt >= posting.MOST_ATTEMPTS:
            raise VendorNotAsked(f"Slack could not be asked: {busy}") from busy
        raise SendUnclear(str(busy), after_seconds=busy.after_seconds) from busy
    channel, _ = whereabouts(outgoing.conversation_key)
    if channel in _places(mapping(answer.get("file"))):
        return True
    # Slack shows a file a while after it took it.
    if outgoing.attempt >= _SHOWN_LATE:
        raise VendorNotAsked("Slack has the file and does not say where it shows it")
    raise SendUnclear("Slack has the file and does not show it yet", after_seconds=2.0)


def _places(file: Mapping[str, Any]) -> set[str]:
    """Return the channels that a file object says it was shared in."""
    listed = {one for kind in _KINDS for one in file.get(kind) or () if isinstance(one, str)}
    shares = mapping(file.get("shares"))
    return listed.union(*(mapping(shares.get(kind)) for kind in ("public", "private")))
