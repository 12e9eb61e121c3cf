"""A file gets to Slack in three steps and is seen once, whatever answer is lost on the way."""

from dataclasses import replace
from typing import Any

import pytest

from konstruct_channels.errors import ContentRefused, SendLater, SendUnclear, VendorNotAsked
from konstruct_channels.outbound import Outgoing, OutgoingFile
from support.far_slack import SCOPES
from support.far_troubles import Trouble
from support.slack_sending import CONFIG, CREDENTIALS, outgoing, send, sending

pytestmark = pytest.mark.process

LINK = "The file report.csv is here until tomorrow: https://example.com/f"
PLACE = "C0GENERAL:1767225700.000200"
COMPLETE = "files.completeUploadExternal"


class Notes:
    """What the gateway keeps of an attempt."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    async def keep(self, key: str) -> None:
        self.kept.append(key)


def parcel(notes: Notes, **over: Any) -> Outgoing:
    async def read() -> bytes:
        return b"a,b\n1,2\n"

    file = OutgoingFile("report.csv", "text/csv", 8, "0" * 64, read)
    values: dict[str, Any] = {"conversation_key": PLACE, "file": file, "note": notes.keep}
    return outgoing(LINK, **(values | over))


def again(message: Outgoing, notes: Notes) -> Outgoing:
    """Return the next attempt, as the gateway makes it."""
    return replace(
        message, in_doubt=True, attempt=message.attempt + 1, noted=(notes.kept or [""])[-1]
    )


async def test_a_file_is_shared_in_its_thread_and_noted_before() -> None:
    notes = Notes()
    async with sending() as (far, slack):
        key = await send(slack, parcel(notes))
    [posted] = far.ledger
    assert (posted.channel, posted.thread_ts) == ("C0GENERAL", "1767225700.000200")
    assert posted.text == "[file report.csv]"
    assert far.files.files[key].data == b"a,b\n1,2\n"
    assert notes.kept == [key]


@pytest.mark.parametrize(
    ("method", "trouble"),
    [
        (COMPLETE, Trouble.DROP_ANSWER),
        (COMPLETE, Trouble.ERROR_AFTER),
        (COMPLETE, Trouble.DROP_REQUEST),
        (COMPLETE, Trouble.ERROR_BEFORE),
        ("files.getUploadURLExternal", Trouble.DROP_ANSWER),
        ("upload", Trouble.DROP_ANSWER),
        ("upload", Trouble.ERROR_BEFORE),
    ],
)
async def test_whatever_answer_is_lost_people_see_the_file_once(
    method: str, trouble: Trouble
) -> None:
    notes = Notes()
    async with sending() as (far, slack):
        far.troubles[method].append(trouble)
        message = parcel(notes)
        with pytest.raises((SendUnclear, SendLater)):
            await send(slack, message)
        await send(slack, again(message, notes))
        await send(slack, again(message, notes))
        assert far.texts == ["[file report.csv]"]


async def test_a_share_that_slack_does_not_show_yet_is_asked_about_again_and_never_repeated() -> (
    None
):
    notes = Notes()
    async with sending() as (far, slack):
        far.troubles[COMPLETE].append(Trouble.DROP_ANSWER)
        message = parcel(notes)
        with pytest.raises(SendUnclear):
            await send(slack, message)
        far.files.hidden = True
        with pytest.raises(SendUnclear):
            await send(slack, again(message, notes))
        with pytest.raises(VendorNotAsked):
            await send(slack, replace(again(message, notes), attempt=9))
        assert far.texts == ["[file report.csv]"]


async def test_without_the_scope_people_get_the_link_once_and_the_condition_says_so() -> None:
    notes = Notes()
    async with sending() as (far, slack):
        far.workspaces[0].scopes = SCOPES.replace("files:write,", "")
        far.troubles["chat.postMessage"].append(Trouble.DROP_ANSWER)
        message = parcel(notes)
        with pytest.raises(SendUnclear):
            await send(slack, message)
        await send(slack, again(message, notes))
        assert far.texts == [LINK]
        # Slack is not asked for the same no at every file.
        await send(slack, parcel(notes))
        assert [name for name, _ in far.calls].count("files.getUploadURLExternal") == 1
        learnt = await slack.check(config=CONFIG, credentials=CREDENTIALS)
    assert (learnt.status, learnt.reason) == ("True", "FilesBecomeLinks")
    assert "files:write" in learnt.message
    assert notes.kept == []


async def test_a_link_that_people_have_is_not_followed_by_the_file() -> None:
    notes = Notes()
    async with sending() as (far, slack):
        far.troubles["files.getUploadURLExternal"].append("file_uploads_disabled")
        far.troubles["chat.postMessage"].append(Trouble.DROP_ANSWER)
        message = parcel(notes)
        with pytest.raises(SendUnclear):
            await send(slack, message)
    async with sending() as (later, slack):
        later.messages.ledger.extend(far.ledger)
        await send(slack, again(message, notes))
        assert later.texts == [LINK]


async def test_a_file_that_is_gone_is_the_contents_fault() -> None:
    async def gone() -> bytes:
        raise ContentRefused("the file is no longer kept")

    message = parcel(Notes())
    assert message.file is not None
    async with sending() as (far, slack):
        with pytest.raises(ContentRefused):
            await send(slack, replace(message, file=replace(message.file, read=gone)))
        assert far.ledger == []
