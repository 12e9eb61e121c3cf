import asyncio
import time
from typing import Any

import aiohttp
import pytest

from konstruct_channels.errors import (
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    SendUnknown,
)
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack.outbound import SlackOutbound, open_outbound
from konstruct_channels.slack.pace import Pace
from support.far_slack import FarSlack, Workspace, far_slack
from support.far_troubles import Trouble
from support.slack_sending import CONFIG, CREDENTIALS, outgoing, send, sending

pytestmark = pytest.mark.process


async def test_a_reply_is_posted_with_our_mark_and_the_agents_face() -> None:
    async with sending() as (far, slack):
        message = outgoing(
            "**Hi** <!channel>",
            conversation_key="C0GENERAL:1767225700.000200",
            agent_name="Ana",
            avatar={"url": "https://example.com/ana.png"},
        )
        stamp = await send(slack, message)
    [posted] = far.ledger
    assert posted.ts == stamp
    assert (posted.channel, posted.thread_ts) == ("C0GENERAL", "1767225700.000200")
    assert posted.text == "*Hi* &lt;!channel&gt;"
    assert (posted.username, posted.icon_url) == ("Ana", "https://example.com/ana.png")
    assert posted.metadata["event_payload"] == {"delivery": str(message.delivery_id), "piece": 0}
    assert not posted.pings


async def test_the_programs_own_way_of_opening_it_works() -> None:
    async with far_slack() as far, open_outbound(far.url) as slack:
        await slack.send(outgoing(), config=CONFIG, credentials=CREDENTIALS)
        assert far.texts == ["hello"]


@pytest.mark.parametrize("trouble", [Trouble.DROP_ANSWER, Trouble.ERROR_AFTER, Trouble.LATE_ANSWER])
async def test_a_lost_answer_is_asked_about_and_nothing_comes_twice(trouble: Trouble) -> None:
    async with sending(call_seconds=1) as (far, slack):
        far.late_seconds = 1.5
        far.troubles["chat.postMessage"].append(trouble)
        message = outgoing()
        with pytest.raises(SendUnclear):
            await send(slack, message)
        again = Outgoing(**{**vars(message), "attempt": 2, "in_doubt": True})
        stamp = await send(slack, again)
        assert [(one.text, one.ts) for one in far.ledger] == [("hello", stamp)]


@pytest.mark.parametrize("trouble", [Trouble.DROP_REQUEST, Trouble.ERROR_BEFORE])
async def test_what_slack_does_not_have_is_sent_again(trouble: Trouble) -> None:
    async with sending() as (far, slack):
        far.troubles["chat.postMessage"].append(trouble)
        message = outgoing(conversation_key="C0GENERAL:1767225700.000200")
        with pytest.raises(SendUnclear):
            await send(slack, message)
        assert far.texts == []
        await send(slack, Outgoing(**{**vars(message), "attempt": 2, "in_doubt": True}))
        assert far.texts == ["hello"]


async def test_a_long_reply_goes_on_where_it_was_cut() -> None:
    async with sending() as (far, slack):
        message = outgoing("\n".join(f"line {number} " + "x" * 90 for number in range(200)))
        await send(slack, message)
        whole = far.texts
        assert len(whole) > 3
        assert max(map(len, whole)) <= 4000
        far.ledger.clear()
        far.burst, far.seconds_per_message = 2, 0.2
        far._buckets.clear()
        far.troubles["chat.postMessage"].append(Trouble.DROP_ANSWER)
        message = outgoing(message.text)
        for attempt in range(1, 20):
            try:
                await send(
                    slack,
                    Outgoing(**{**vars(message), "attempt": attempt, "in_doubt": attempt > 1}),
                )
                break
            except (SendLater, SendUnclear):
                slack._pace = Pace(seconds_per_message=0.0)
                await asyncio.sleep(0.2)
        assert far.texts == whole


async def test_the_metadata_is_found_behind_many_other_messages() -> None:
    async with sending() as (far, slack):
        far.troubles["chat.postMessage"].append(Trouble.DROP_ANSWER)
        message = outgoing("first")
        with pytest.raises(SendUnclear):
            await send(slack, message)
        far.burst = 1000
        for _ in range(230):
            await send(slack, outgoing("another"))
        await send(slack, Outgoing(**{**vars(message), "attempt": 2, "in_doubt": True}))
        assert far.texts.count("first") == 1


async def test_each_refusal_has_its_own_end() -> None:
    async with sending() as (far, slack):
        for code, error in {
            "channel_not_found": SendRefused,
            "is_archived": SendRefused,
            "msg_too_long": SendRefused,
            "token_revoked": CredentialsRefused,
            "invalid_auth": CredentialsRefused,
            "account_inactive": CredentialsRefused,
            "ratelimited": SendLater,
            "internal_error": SendUnclear,
            "fatal_error": SendUnclear,
        }.items():
            far.troubles["chat.postMessage"].append(code)
            slack._pace = Pace(seconds_per_message=0.0)
            with pytest.raises(error):
                await send(slack, outgoing())
        assert far.texts == []


async def test_a_workspace_that_said_stop_is_left_alone_for_as_long_as_it_said() -> None:
    clock = [100.0]

    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    pace = Pace(seconds_per_message=0.0, clock=lambda: clock[0], sleep=sleep)
    async with sending(pace=pace) as (far, slack):
        far.burst, far.seconds_per_message, far.retry_after = 1, 60.0, 7
        await send(slack, outgoing())
        with pytest.raises(SendLater) as refused:
            await send(slack, outgoing("second"))
        assert refused.value.after_seconds == 7
        with pytest.raises(SendLater):
            await send(slack, outgoing("third"))
        assert far.limited() == 1
        clock[0] += 7.1
        far._buckets.clear()
        await send(slack, outgoing("fourth"))
        assert far.texts == ["hello", "fourth"]


async def test_a_channel_gets_one_message_a_second() -> None:
    far = FarSlack(burst=1)
    async with far_slack(far), open_outbound(far.url) as slack:
        began = time.monotonic()
        for number in range(3):
            await slack.send(outgoing(str(number)), config=CONFIG, credentials=CREDENTIALS)
        assert time.monotonic() - began >= 1.9
        assert far.limited() == 0
        assert far.texts == ["0", "1", "2"]


async def test_whoever_cannot_ask_says_that_nobody_knows() -> None:
    async with sending() as (far, slack):
        far.workspaces[0].scopes = "chat:write"
        far.troubles["chat.postMessage"].append(Trouble.DROP_ANSWER)
        message = outgoing()
        with pytest.raises(SendUnclear):
            await send(slack, message)
        with pytest.raises(SendUnknown):
            await send(slack, Outgoing(**{**vars(message), "attempt": 2, "in_doubt": True}))
        assert far.texts == ["hello"]


async def test_slack_away_is_later_and_nothing_was_sent() -> None:
    async with aiohttp.ClientSession() as session:
        slack = SlackOutbound(session, "http://127.0.0.1:9/api/", pace=Pace())
        with pytest.raises(SendLater):
            await send(slack, outgoing())
        assert (await check(slack)).status == "Unknown"


async def check(slack: SlackOutbound, token: str = "xoxb-genuine") -> Any:
    return await slack.check(config=CONFIG, credentials={"botToken": token})


async def test_credentials_are_tried_without_sending_anything() -> None:
    async with sending() as (far, slack):
        assert (await check(slack)).status == "True"
        found = await check(slack, "xoxb-forged")
        assert (found.status, found.reason) == ("False", "TokenRefused")
        assert "invalid_auth" in found.message
        assert (await check(slack, "")).reason == "TokenRefused"
        far.workspaces[0].scopes = "chat:write,im:history"
        found = await check(slack)
        assert found.reason == "ScopesMissing"
        assert "app_mentions:read" in found.message
        far.workspaces.append(Workspace(team="T0OTHER", token="xoxb-other"))
        assert (await check(slack, "xoxb-other")).reason == "TokenOfAnotherWorkspace"
        assert far.ledger == []
