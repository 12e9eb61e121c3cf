"""A draft at the far Slack: what is streamed, left in time, edited, taken over and finished."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from konstruct_channels.errors import SendRefused
from konstruct_channels.live import Doing, Draft, Live, Progress, Signs
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack.outbound import SlackOutbound
from konstruct_channels.slack.pace import Pace
from konstruct_channels.slack.refusals import Refusals
from konstruct_channels.slack.writer import SlackDraft
from konstruct_channels.welcoming import Welcoming
from konstruct_messages.replies import Choice
from support.far_slack import FarSlack, far_slack

pytestmark = pytest.mark.process

CONFIG: dict[str, Any] = {"appId": "A0KONSTRUCT", "teamId": "T0ACME"}
CREDENTIALS = {"botToken": "xoxb-genuine", "signingSecret": "s"}
THREAD = "C0GENERAL:1767225700.000200"


@dataclass
class Scene:
    """One draft, one Slack, and a clock for both."""

    far: FarSlack
    slack: SlackOutbound
    now: float = 1000.0
    held: list[bool] = field(default_factory=list)
    holds: bool = True

    def writer(self, **over: Any) -> SlackDraft:
        values: dict[str, Any] = {
            "delivery_id": uuid4(),
            "conversation_key": THREAD,
            "person_key": "U0EVA",
            "queued_at": datetime.now(UTC),
            "agent_name": "Ana",
            "avatar": {"emoji": "🚀"},
        }
        self.draft = Draft(**(values | over))
        call = self.slack._caller(CONFIG, CREDENTIALS)
        return SlackDraft(call, self.draft, self.slack._refusals, clock=lambda: self.now)

    async def hold(self) -> bool:
        self.held.append(self.holds)
        return self.holds

    async def show(self, writer: SlackDraft, progress: Progress) -> float:
        return await writer.show(progress, hold=self.hold)

    async def finish(self, text: str, draft_id: str, **over: Any) -> str:
        outgoing = Outgoing(
            delivery_id=self.draft.delivery_id,
            conversation_key=self.draft.conversation_key,
            text=text,
            attempt=1,
            queued_at=self.draft.queued_at,
            drafted=True,
            draft_id=draft_id,
            **over,
        )
        return await self.slack.send(outgoing, config=CONFIG, credentials=CREDENTIALS)

    def methods(self) -> list[str]:
        return [name for name, _ in self.far.calls]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    far = FarSlack(seconds_per_message=0.0)
    async with far_slack(far), aiohttp.ClientSession() as session:
        pace = Pace(seconds_per_message=0.0)
        found = Scene(far, SlackOutbound(session, far.url, pace=pace, refusals=Refusals()))
        far.messages.clock = lambda: found.now
        yield found


async def test_slack_can_all_that_the_contract_offers() -> None:
    async with scene() as now:
        assert isinstance(now.slack, Live)
        assert isinstance(now.slack, Signs)
        assert isinstance(now.slack, Welcoming)


async def test_a_stream_that_shows_the_whole_reply_needs_no_edit() -> None:
    async with scene() as now:
        writer = now.writer()
        draft_id = await writer.begin(Progress("One two"))
        now.now += 2
        await now.show(writer, Progress("One two three.", ended=True))
        assert writer.shows_all
        key = str(uuid4())
        stamp = await now.finish("One two three.", draft_id, shown=True, feedback_key=key)
        [posted] = now.far.ledger
        assert (posted.ts, posted.seen) == (stamp, "One two three.")
        assert (posted.username, posted.icon_emoji) == ("Ana", ":rocket:")
        assert posted.metadata["event_payload"]["delivery"] == str(now.draft.delivery_id)
        assert posted.buttons[0]["positive_button"]["value"] == f"{key}:up"
        assert now.methods() == ["chat.startStream", "chat.appendStream", "chat.stopStream"]


async def test_a_stream_is_left_after_four_minutes_and_goes_on_as_edits() -> None:
    async with scene() as now:
        writer = now.writer()
        draft_id = await writer.begin(Progress("One two"))
        now.now += 241
        await now.show(writer, Progress("One two three four"))
        assert now.far.ledger[0].streaming_state == "completed"
        await now.show(writer, Progress("One two three four", doing=(Doing("Counting"),)))
        assert now.far.ledger[0].seen == "One two three four\n_Counting …_"
        now.now += 400
        await now.show(writer, Progress("One two three four five"))
        assert now.far.ledger[0].seen == "One two three four five\n…"
        assert now.held == [True, True]
        await now.finish("The reply.", draft_id)
        assert [one.seen for one in now.far.ledger] == ["The reply."]


async def test_an_edit_that_the_store_forbids_is_left_out() -> None:
    async with scene() as now:
        writer = now.writer(conversation_key="D0EVA")
        draft_id = await writer.begin(Progress("One"))
        now.holds = False
        now.now += 5
        await now.show(writer, Progress("One two"))
        now.holds = True
        await now.show(writer, Progress("One two three", ended=True))
        assert now.methods() == ["chat.postMessage"]
        await now.finish("The reply.", draft_id)
        assert [one.seen for one in now.far.ledger] == ["The reply."]
        assert not now.far.ledger[0].edited


async def test_a_stream_that_slack_ended_goes_on_as_edits() -> None:
    async with scene() as now:
        writer = now.writer()
        await writer.begin(Progress("One two"))
        far_ahead = now.now + 310
        now.far.messages.clock = lambda: far_ahead
        now.now += 2
        assert await now.show(writer, Progress("One two three four")) == 0.0
        await now.show(writer, Progress("One two three four"))
        assert now.far.ledger[0].seen == "One two three four\n…"


async def test_a_person_who_stops_the_stream_sees_no_more_of_it() -> None:
    async with scene() as now:
        writer = now.writer()
        draft_id = await writer.begin(Progress("One two"))
        now.far.messages.stop_by_user(now.far.ledger[0].ts)
        now.now += 2
        with pytest.raises(SendRefused, match="stopped_by_user"):
            await now.show(writer, Progress("One two three four"))
        await now.finish("One two", draft_id)
        assert [one.seen for one in now.far.ledger] == ["One two"]


async def test_somebody_elses_stream_is_found_by_its_thread_and_taken_over() -> None:
    async with scene() as now:
        first = now.writer()
        await first.begin(Progress("The first attempt says"))
        again = SlackDraft(
            now.slack._caller(CONFIG, CREDENTIALS),
            now.draft,
            now.slack._refusals,
            clock=lambda: now.now,
        )
        assert await again.resume("") == now.far.ledger[0].ts
        await now.show(again, Progress("The second attempt says"))
        assert now.far.ledger[0].seen == "The second attempt says\n…"
        await now.finish("The reply.", now.far.ledger[0].ts)
        assert [one.seen for one in now.far.ledger] == ["The reply."]


async def test_a_finished_stream_of_an_earlier_turn_is_not_mistaken_for_the_draft() -> None:
    async with scene() as now:
        writer = now.writer()
        draft_id = await writer.begin(Progress("Earlier"))
        await now.finish("Earlier.", draft_id)
        later = now.writer()
        assert await later.resume("") == ""
        await now.finish("Later.", "")
        assert [one.seen for one in now.far.ledger] == ["Earlier.", "Later."]


async def test_a_draft_that_somebody_deleted_is_posted_anew_once() -> None:
    async with scene() as now:
        writer = now.writer()
        draft_id = await writer.begin(Progress("One two"))
        now.far.ledger.clear()
        stamp = await now.finish("The reply.", draft_id)
        again = await now.finish("The reply.", draft_id, in_doubt=True)
        assert stamp == again
        assert [one.seen for one in now.far.ledger] == ["The reply."]


async def test_a_draft_that_may_not_be_changed_is_taken_away() -> None:
    async with scene() as now:
        writer = now.writer(conversation_key="D0EVA")
        draft_id = await writer.begin(Progress("One two"))
        now.far.troubles["chat.update"].append("edit_window_closed")
        await now.finish("The reply.", draft_id)
        assert [one.seen for one in now.far.ledger] == ["The reply."]


async def test_a_question_has_its_buttons_and_survives_a_workspace_without_feedback() -> None:
    async with scene() as now:
        now.far.workspaces[0].feedback = False
        ask = uuid4()
        now.writer()
        await now.finish(
            "Shall I?",
            "",
            choices=(Choice(key="yes", label="Yes"), Choice(key="no", label="No")),
            ask_id=ask,
            feedback_key=str(uuid4()),
        )
        [posted] = now.far.ledger
        assert [one["value"] for one in posted.buttons] == [f"{ask}:yes", f"{ask}:no"]
        assert posted.seen == "Shall I?"


async def test_all_streams_of_a_workspace_share_what_slack_allows() -> None:
    async with scene() as now:
        clock = [0.0]
        now.slack._pace = Pace(clock=lambda: clock[0], calls_per_minute={"chat.appendStream": 10})
        writers = [now.writer() for _ in range(3)]
        for writer in writers:
            await writer.begin(Progress("One two"))
        words = "One two"
        for _ in range(12):
            now.now += 2
            words += " more words"
            for writer in writers:
                await now.show(writer, Progress(words))
        assert 5 < now.methods().count("chat.appendStream") <= 10
        assert now.far.limited("chat.appendStream") == 0


async def test_prompts_are_offered_where_the_connection_has_some() -> None:
    async with scene() as now:
        prompts = [{"title": f"Ask {n}", "message": f"What is {n}?"} for n in range(4)]
        await now.slack.welcome(
            "D0EVA", config=CONFIG | {"suggestedPrompts": prompts}, credentials=CREDENTIALS
        )
        await now.slack.welcome("D0TOM", config=CONFIG, credentials=CREDENTIALS)
        assert now.far.messages.prompts == {"D0EVA": prompts}
