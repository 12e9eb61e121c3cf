"""A draft in Slack: a native stream while that lives, one message that is edited otherwise."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from konstruct_channels.errors import CredentialsRefused, SendLater, SendRefused, SendUnclear
from konstruct_channels.live import Draft, Progress
from konstruct_channels.slack import finishing, posting
from konstruct_channels.slack.blocks import text_blocks
from konstruct_channels.slack.calls import Call, face, whereabouts
from konstruct_channels.slack.format import escape, render
from konstruct_channels.slack.refusals import Refusals
from konstruct_channels.slack.stream import Append, Over, StreamPlan, Wait, present_text

REPLACE_SECONDS = 4.0
"""How long a call may take that begins or replaces a draft: under HOLD_SECONDS."""

SECONDS_BETWEEN_EDITS = 3.0
_LONGEST_EDIT = 3_000
_SECONDS_AFTER_DOUBT = 2.0
_STARTS_SPARE = 0.2
_APPENDS_SPARE = 0.05
_EDITS_SPARE = 0.5
_EXPIRED = "message_not_in_streaming_state"


class SlackDraft:
    """Writes one draft of a conversation. Streams need a thread, and its recipient's team."""

    def __init__(
        self,
        call: Call,
        draft: Draft,
        refusals: Refusals,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._draft = draft
        self._refusals = refusals
        self._clock = clock
        self._channel, self._thread = whereabouts(draft.conversation_key)
        self._ts = ""
        self._plan: StreamPlan | None = None
        self._edited = ""
        self._edited_at = float("-inf")
        self._shows_all = False

    @property
    def shows_all(self) -> bool:
        """Whether people see exactly the text of the last progress, finished as it stands."""
        return self._shows_all

    async def begin(self, progress: Progress) -> str:
        """Start a stream, or post where there are none; see DraftWriter."""
        if self._streams():
            try:
                return await self._start(progress)
            except CredentialsRefused as refused:
                if str(refused) != "missing_scope":
                    raise
                self._refusals.note(self._call.team, "chat.startStream")
            except SendRefused:
                self._refusals.note(self._call.team, self._kind())
            except SendLater:
                # A limit that all streams of the workspace share: an edited message has another.
                self._plan = None
        return await self._post(progress)

    async def resume(self, vendor_id: str) -> str:
        """Go on with a draft as an edited message; see DraftWriter."""
        if not vendor_id:
            found = await posting.ask(
                self._call,
                self._draft.conversation_key,
                self._draft.delivery_id,
                self._draft.queued_at,
            )
            stamp = found.pieces.get(0) or found.draft
            if not stamp:
                return ""
            vendor_id = stamp if 0 in found.pieces else f"{finishing.STREAM}{stamp}"
        self._ts = finishing.stamp_in(vendor_id)
        if vendor_id.startswith(finishing.STREAM):
            await self._stop()
        return self._ts

    async def show(self, progress: Progress, *, hold: Callable[[], Awaitable[bool]]) -> float:
        """Append or edit what is due; see DraftWriter."""
        if self._plan is None:
            return await self._edit(progress, hold)
        step = self._plan.next(progress, self._clock())
        pause = 0.0
        match step:
            case Over():
                await self._stop()
            case Append():
                pause = await self._append(self._plan, step)
            case Wait(seconds):
                pause = seconds
        self._shows_all = self._plan is not None and self._plan.shows(progress)
        return pause

    def _streams(self) -> bool:
        team = self._call.team
        person = self._draft.person_key
        return (
            bool(self._thread)
            and team.startswith("T")
            and person.startswith(("U", "W"))
            and not self._refusals.holds(team, "chat.startStream")
            and not self._refusals.holds(team, self._kind())
        )

    def _kind(self) -> str:
        """Return under which name a refusal is kept: workspaces differ by kind of channel."""
        return f"chat.startStream/{self._channel[:1]}"

    async def _start(self, progress: Progress) -> str:
        plan = StreamPlan(began=self._clock())
        step = plan.next(progress, plan.began)
        arguments: dict[str, Any] = {
            "channel": self._channel,
            "thread_ts": self._thread,
            "recipient_user_id": self._draft.person_key,
            "recipient_team_id": self._call.team,
            "task_display_mode": "timeline",
            **face(self._draft.agent_name, self._draft.avatar),
        }
        if isinstance(step, Append):
            arguments["chunks"] = list(step.chunks)
        answer = await self._call(
            "chat.startStream", arguments, spare=_STARTS_SPARE, seconds=REPLACE_SECONDS
        )
        self._ts = posting.stamp_of(answer)
        if not self._ts:
            raise SendUnclear("Slack named no message")
        if isinstance(step, Append):
            plan.done(step, self._clock())
        self._plan = plan
        self._shows_all = plan.shows(progress)
        return f"{finishing.STREAM}{self._ts}"

    async def _post(self, progress: Progress) -> str:
        text = _edited_text(progress)
        arguments = posting.message(self._draft.conversation_key, text, buttons=[])
        arguments |= face(self._draft.agent_name, self._draft.avatar)
        arguments["metadata"] = posting.mark(self._draft.delivery_id, 0)
        answer = await self._call(
            "chat.postMessage", arguments, channel=self._channel, seconds=REPLACE_SECONDS
        )
        self._ts = posting.stamp_of(answer)
        if not self._ts:
            raise SendUnclear("Slack named no message")
        self._edited, self._edited_at = text, self._clock()
        return self._ts

    async def _append(self, plan: StreamPlan, step: Append) -> float:
        arguments = {"channel": self._channel, "ts": self._ts, "chunks": list(step.chunks)}
        try:
            await self._call("chat.appendStream", arguments, spare=_APPENDS_SPARE)
        except SendLater as later:
            return later.after_seconds
        except SendUnclear:
            plan.done(step, self._clock(), surely=False)
            return _SECONDS_AFTER_DOUBT
        except SendRefused as refused:
            if str(refused) != _EXPIRED:
                raise
            self._plan = None
            return 0.0
        plan.done(step, self._clock())
        return 0.0

    async def _stop(self) -> None:
        where: dict[str, object] = {
            "channel": self._channel,
            "ts": self._ts,
            "metadata": posting.mark(self._draft.delivery_id, 0),
        }
        await finishing.stop(self._call, where)
        self._plan = None

    async def _edit(self, progress: Progress, hold: Callable[[], Awaitable[bool]]) -> float:
        due = self._edited_at + SECONDS_BETWEEN_EDITS - self._clock()
        text = _edited_text(progress)
        self._shows_all = False
        if due > 0 or text == self._edited:
            return max(due, SECONDS_BETWEEN_EDITS if text == self._edited else 0.0)
        if progress.ended or not await hold():
            # The recorded reply is about to take the place of whatever stands there.
            return SECONDS_BETWEEN_EDITS
        arguments = {
            "channel": self._channel,
            "ts": self._ts,
            "text": text,
            "blocks": text_blocks(text),
            "metadata": posting.mark(self._draft.delivery_id, 0),
        }
        try:
            await self._call("chat.update", arguments, spare=_EDITS_SPARE, seconds=REPLACE_SECONDS)
        except SendLater as later:
            return max(later.after_seconds, SECONDS_BETWEEN_EDITS)
        finally:
            self._edited_at = self._clock()
        self._edited = text
        return SECONDS_BETWEEN_EDITS


def _edited_text(progress: Progress) -> str:
    """Return the text of a message that is still being made, as mrkdwn."""
    pieces = render(present_text(progress), limit=_LONGEST_EDIT)
    open_step = next((one.text for one in reversed(progress.doing) if not one.done), "")
    sign = f"_{escape(open_step)} …_" if open_step else "…"
    return f"{pieces[0].rstrip()}\n{sign}" if pieces else sign
