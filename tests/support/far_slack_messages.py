"""What the far Slack keeps of a workspace: messages, streams, signs and prompts, with their rules.

Facts: https://docs.slack.dev/reference/methods (chat.*, agents.sessions.*, assistant.threads.*) and
https://docs.slack.dev/reference/block-kit/blocks. That a stream ends by itself after about five
minutes, refuses `chat.update` while it is open, keeps the mode it began in and loses white space at
the beginning of a chunk is documented nowhere; users of the methods have measured it.
"""

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from support.far_slack_rules import (
    LONGEST_TEXT,
    LONGEST_UPDATE,
    PINGS,
    words_of,
    wrong_blocks,
    wrong_chunks,
)

STREAM_SECONDS = 306.0
SIGN_SECONDS = 120.0
OPEN, STOPPED, STOPPED_BY_USER = "in_progress", "completed", "stopped_by_user"
Answer = dict[str, Any]


@dataclass
class Posted:
    """A message as people see it; `history` is what they saw before, step by step."""

    team: str
    channel: str
    thread_ts: str
    text: str
    ts: str
    username: str = ""
    icon_url: str = ""
    icon_emoji: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    at: float = 0.0
    blocks: list[dict[str, Any]] = field(default_factory=list)
    edited: bool = False
    streaming_state: str = ""
    mode: str = ""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipient: tuple[str, str] = ("", "")
    history: list[str] = field(default_factory=list)

    @property
    def seen(self) -> str:
        """The text that a person reads: of the blocks where those say something."""
        said = [text for block in self.blocks if (text := words_of(block))]
        return "\n".join(said) if said else self.text

    @property
    def pings(self) -> bool:
        """Whether it alerts people, or ever did."""
        return any(PINGS.search(text) for text in (self.seen, self.text, *self.history))

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """Everything that can be clicked."""
        kinds = {"actions", "context_actions"}
        return [one for block in self.blocks if block["type"] in kinds for one in block["elements"]]

    def take(self, body: dict[str, Any]) -> None:
        """Add what a call gives a stream; white space at the beginning of a chunk is lost."""
        self.mode = self.mode or _mode(body)
        text = [{"type": "markdown_text", "text": body.get("markdown_text", "")}]
        for chunk in body.get("chunks", text):
            if chunk["type"] == "markdown_text":
                self.text += chunk["text"].lstrip()
            else:
                self.tasks[chunk["id"]] = {**self.tasks.get(chunk["id"], {}), **chunk}
        self.keep()

    def keep(self) -> None:
        """Remember what is seen now."""
        if self.seen and (not self.history or self.history[-1] != self.seen):
            self.history.append(self.seen)


@dataclass
class Workspace:
    """An installation of the app. `streams` False: GovSlack; `agent`: it may keep sessions."""

    team: str = "T0ACME"
    token: str = "xoxb-genuine"
    bot: str = "U0BOT"
    app: str = "A0KONSTRUCT"
    enterprise: str | None = None
    scopes: str = ""
    revoked: bool = False
    streams: bool = True
    agent: bool = True
    feedback: bool = True


@dataclass
class Messages:
    """The messages of all workspaces, and the methods that change them."""

    clock: Callable[[], float] = time.monotonic
    ledger: list[Posted] = field(default_factory=list)
    deleted: list[Posted] = field(default_factory=list)
    #: (team, channel, thread) -> what is shown beside it, and since when.
    signs: dict[tuple[str, str, str], tuple[str, float]] = field(default_factory=dict)
    #: All words ever shown, in order.
    said_signs: list[str] = field(default_factory=list)
    #: (team, channel, thread) -> every state of the agent's session, in order.
    sessions: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    #: What single people are told: who, channel, thread and text.
    whispers: list[tuple[str, str, str, str]] = field(default_factory=list)
    prompts: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    _numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def handle(self, workspace: Workspace, method: str, body: dict[str, Any]) -> Answer | None:
        """Do what a method asks; None for a method that is none of these."""
        work: dict[str, Callable[[Workspace, dict[str, Any]], Answer]] = {
            "agents.sessions.setStatus": self._session,
            "assistant.threads.setStatus": self._sign,
            "assistant.threads.setSuggestedPrompts": self._prompt,
            "chat.appendStream": self._append,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._whisper,
            "chat.postMessage": self._post,
            "chat.startStream": self._start,
            "chat.stopStream": self._stop,
            "chat.update": self._update,
            "conversations.history": self._read,
            "conversations.replies": self._read,
        }
        return work[method](workspace, body) if method in work else None

    def stop_by_user(self, ts: str) -> None:
        """Press Slack's own Stop on a stream."""
        next(one for one in self.ledger if one.ts == ts).streaming_state = STOPPED_BY_USER

    def sign(self, channel: str, thread: str, team: str = "T0ACME") -> str:
        """Return the words beside a thread; they vanish after two minutes."""
        words, at = self.signs.get((team, channel, thread), ("", 0.0))
        return words if self.clock() - at < SIGN_SECONDS else ""

    def _start(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        channel = str(body.get("channel", ""))
        direct = channel.startswith("D")
        missing = [one for one in ("recipient_user_id", "recipient_team_id") if not body.get(one)]
        if not workspace.streams:
            return _no("unknown_method")
        if direct and not body.get("thread_ts"):
            return _no("invalid_thread_ts")
        if missing and not direct:
            return _no(f"missing_{missing[0]}")
        if refused := wrong_chunks(body):
            return _no(refused)
        stream = self.post(workspace, body, text="")
        stream.streaming_state = OPEN
        stream.recipient = (body.get("recipient_user_id", ""), body.get("recipient_team_id", ""))
        stream.take(body)
        return {"ok": True, "channel": channel, "ts": stream.ts}

    def _append(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        stream, refused = self._open_stream(workspace, body)
        if stream is None:
            return _no(refused)
        if "chunks" not in body and "markdown_text" not in body:
            return _no("markdown_text_or_chunks_required")
        stream.take(body)
        return {"ok": True, "channel": stream.channel, "ts": stream.ts}

    def _stop(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        stream, refused = self._open_stream(workspace, body, stopping=True)
        refused = refused or wrong_blocks(body.get("blocks", []), feedback=workspace.feedback)
        if stream is None or refused:
            return _no(refused)
        stream.take(body)
        stream.streaming_state = STOPPED
        stream.blocks = list(body.get("blocks", []))
        stream.metadata = body.get("metadata", {})
        stream.keep()
        place = (stream.team, stream.channel, stream.thread_ts)
        if place in self.sessions:
            self.sessions[place].append(body.get("session_status", "active"))
        return {"ok": True, "channel": stream.channel, "ts": stream.ts}

    def _open_stream(
        self, workspace: Workspace, body: dict[str, Any], *, stopping: bool = False
    ) -> tuple[Posted | None, str]:
        """Return the stream that a call is about, or why it refuses the call."""
        stream = self._find(workspace, body)
        if not workspace.streams:
            return None, "unknown_method"
        if stream is None:
            return None, "message_not_found"
        self._expire(stream)
        if stream.streaming_state != OPEN:
            stopped = stream.streaming_state == STOPPED_BY_USER and not stopping
            return None, STOPPED_BY_USER if stopped else "message_not_in_streaming_state"
        refused = wrong_chunks(body)
        mode = _mode(body)
        if not refused and mode and stream.mode and mode != stream.mode:
            refused = "streaming_mode_mismatch"
        return (None, refused) if refused else (stream, "")

    def _expire(self, stream: Posted) -> None:
        if stream.streaming_state == OPEN and self.clock() - stream.at >= STREAM_SECONDS:
            stream.streaming_state = STOPPED

    def _post(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        text = str(body.get("text", ""))
        if not text.strip() and not body.get("blocks"):
            return _no("no_text")
        if len(text) > LONGEST_TEXT:
            return _no("msg_too_long")
        refused = wrong_blocks(body.get("blocks", []), feedback=workspace.feedback)
        if refused:
            return _no(refused)
        posted = self.post(workspace, body, text=text)
        posted.blocks = list(body.get("blocks", []))
        posted.keep()
        return {
            "ok": True,
            "channel": posted.channel,
            "ts": posted.ts,
            "message": {"text": text},
        }

    def _whisper(self, _workspace: Workspace, body: dict[str, Any]) -> Answer:
        if not body.get("user") or not body.get("text"):
            return _no("invalid_arguments")
        told = (body["user"], body["channel"], body.get("thread_ts", ""), body["text"])
        self.whispers.append(told)
        return {"ok": True, "message_ts": f"{time.time():.6f}"}

    def _update(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        message = self._find(workspace, body)
        if message is None:
            return _no("message_not_found")
        self._expire(message)
        if message.streaming_state == OPEN:
            return _no("streaming_state_conflict")
        if len(str(body.get("text", ""))) > LONGEST_UPDATE:
            return _no("msg_too_long")
        refused = wrong_blocks(body.get("blocks", []), feedback=workspace.feedback)
        if refused:
            return _no(refused)
        message.text = str(body.get("text", message.text))
        # Text without blocks takes the blocks away, and is marked as edited.
        message.blocks = list(body.get("blocks", []))
        message.edited |= "blocks" not in body
        message.metadata = body.get("metadata", message.metadata)
        message.tasks = {}
        message.keep()
        return {"ok": True, "channel": message.channel, "ts": message.ts, "text": message.text}

    def _delete(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        message = self._find(workspace, body)
        if message is None:
            return _no("message_not_found")
        self._expire(message)
        if message.streaming_state == OPEN:
            return _no("cant_delete_message")
        self.ledger.remove(message)
        self.deleted.append(message)
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def _sign(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        if not body.get("channel_id") or not body.get("thread_ts"):
            return _no("invalid_thread_ts")
        words = str(body.get("status", ""))
        place = (workspace.team, body["channel_id"], body["thread_ts"])
        self.signs[place] = (words, self.clock())
        if words:
            self.said_signs.append(words)
        return {"ok": True}

    def _prompt(self, _workspace: Workspace, body: dict[str, Any]) -> Answer:
        prompts = body.get("prompts", [])
        if not 1 <= len(prompts) <= 4 or any(set(one) != {"title", "message"} for one in prompts):
            return _no("invalid_arguments")
        self.prompts[str(body.get("channel_id"))] = prompts
        return {"ok": True}

    def _session(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        if not workspace.agent:
            return _no("feature_not_enabled")
        if body.get("status") not in {"active", "processing", "suspended", "closed"}:
            return _no("invalid_arguments")
        if not body.get("channel_id") or not body.get("thread_ts"):
            return _no("invalid_arguments")
        place = (workspace.team, body["channel_id"], body["thread_ts"])
        self.sessions.setdefault(place, []).append(body["status"])
        return {"ok": True, "status": body["status"]}

    def _read(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        scopes = workspace.scopes.split(",")
        if not any(one.endswith(":history") for one in scopes):
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        if not body.get("channel"):
            return _no("invalid_arguments")
        thread = str(body.get("ts", ""))
        found = [
            one
            for one in self.ledger
            if one.team == workspace.team
            and one.channel == body["channel"]
            and one.thread_ts == thread
            and float(one.ts) >= float(body.get("oldest", 0))
        ]
        if not thread:
            found.reverse()  # the newest first, as Slack has it
        limit, start = int(body.get("limit", 100)), int(body.get("cursor") or 0)
        page = found[start : start + limit]
        more = start + limit < len(found)
        metadata = body.get("include_all_metadata") in {True, "1", "true"}
        return {
            "ok": True,
            "messages": [_as_read(one, workspace.app, metadata=metadata) for one in page],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }

    def post(self, workspace: Workspace, body: dict[str, Any], *, text: str) -> Posted:
        """Show a message, whatever made it."""
        posted = Posted(
            team=workspace.team,
            channel=body["channel"],
            thread_ts=body.get("thread_ts", ""),
            text=text,
            ts=f"{int(time.time())}.{next(iter(self._numbers)):06d}",
            username=body.get("username", ""),
            icon_url=body.get("icon_url", ""),
            icon_emoji=body.get("icon_emoji", ""),
            metadata=body.get("metadata", {}),
            at=self.clock(),
        )
        self.ledger.append(posted)
        self.signs.pop((posted.team, posted.channel, posted.thread_ts), None)
        return posted

    def _find(self, workspace: Workspace, body: dict[str, Any]) -> Posted | None:
        wanted = (workspace.team, body.get("channel"), body.get("ts"))
        return next((one for one in self.ledger if (one.team, one.channel, one.ts) == wanted), None)


def _no(error: str) -> Answer:
    return {"ok": False, "error": error}


def _mode(body: dict[str, Any]) -> str:
    return "chunks" if "chunks" in body else "text" if "markdown_text" in body else ""


def _as_read(one: Posted, app: str, *, metadata: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "message", "text": one.text, "ts": one.ts, "app_id": app}
    if one.streaming_state:
        shown["streaming_state"] = one.streaming_state
    if metadata and one.metadata:
        shown["metadata"] = one.metadata
    return shown
