"""What an `event_callback` of Slack means for the agent.

Facts: https://docs.slack.dev/reference/events. A mention in a channel comes as two events with
different ids, `message` and `app_mention`; whether a message is a mention is decided from its text,
so that either one suffices and both have the key (team, channel, ts).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from konstruct_channels.inbound import Arrived, Learnt
from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.markup import plain
from konstruct_channels.slack.spec import SPEC, SlackConfig
from konstruct_messages.inbound import Attachment, Ignored, InboundMessage, Person

Item = Arrived | Ignored | Learnt

NEW_TEXT = frozenset({"", "file_share", "thread_broadcast"})
KNOWN_SUBTYPES = frozenset(
    {
        *("assistant_app_thread", "bot_add", "bot_message", "bot_remove", "channel_archive"),
        *("channel_convert_to_private", "channel_join", "channel_leave", "channel_name"),
        *("channel_posting_permissions", "channel_purpose", "channel_topic", "channel_unarchive"),
        *("document_mention", "ekm_access_denied", "file_comment", "file_mention", "group_archive"),
        *("group_join", "group_leave", "group_name", "group_purpose", "group_topic"),
        *("group_unarchive", "huddle_thread", "joiner_notification", "me_message"),
        *("message_changed", "message_deleted", "message_replied", "pinned_item", "reminder_add"),
        *(
            "reply_broadcast",
            "sh_room_created",
            "tombstone",
            "unpinned_item",
            "channel_canvas_updated",
        ),
    }
)
KNOWN_EVENTS = frozenset(
    {
        *("agent_session_stopped", "agent_session_title_changed", "app_context_changed"),
        *("app_home_opened", "assistant_thread_context_changed", "assistant_thread_started"),
        *("channel_archive", "channel_deleted", "channel_rename", "file_shared"),
        *("member_joined_channel", "member_left_channel", "reaction_added", "reaction_removed"),
        *("team_access_granted", "team_access_revoked", "user_change"),
    }
)
SYSTEM_USERS = frozenset({"USLACKBOT", "USLACK"})

_ID = re.compile(r"[A-Z0-9]{2,32}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}", re.ASCII)
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_LONGEST_NAME = 128
_MOST_FILES = 32


def read(content: Mapping[str, Any], config: SlackConfig, reply_when: str) -> tuple[Item, ...]:
    """Return what a genuine event of this connection's app says."""
    event = mapping(content.get("event"))
    event_id = text(content, "event_id")
    keys = (f"event/{event_id}",) if _EVENT_ID.fullmatch(event_id) else ()
    kind = text(event, "type")
    if kind in {"message", "app_mention"}:
        said = _Said(content, event, config, keys, always=reply_when == "Always")
        return (said.read(),)
    if kind == "app_uninstalled":
        return Ignored(reason=kind, dedupe_keys=keys), _uninstalled()
    if kind == "tokens_revoked":
        bots = mapping(event.get("tokens")).get("bot")
        if isinstance(bots, list) and not bots:
            return (Ignored(reason="tokens_of_people_revoked", dedupe_keys=keys),)
        return Ignored(reason=kind, dedupe_keys=keys), _revoked()
    if kind in KNOWN_EVENTS:
        return (Ignored(reason=kind, dedupe_keys=keys),)
    reason = "unknown_event" if kind else "malformed"
    return (Ignored(reason=reason, dedupe_keys=keys, known=False),)


@dataclass(frozen=True)
class _Said:
    """A `message` or an `app_mention`."""

    content: Mapping[str, Any]
    event: Mapping[str, Any]
    config: SlackConfig
    keys: tuple[str, ...]
    always: bool

    def read(self) -> Arrived | Ignored:
        event = self.event
        subtype = text(event, "subtype")
        if subtype not in NEW_TEXT:
            known = subtype in KNOWN_SUBTYPES
            return self._ignored(subtype if known else "unknown_subtype", known=known)
        nobody = self._nobody()
        if nobody:
            return self._ignored(nobody)
        channel, at, thread = (text(event, key) for key in ("channel", "ts", "thread_ts"))
        whole = (
            _ID.fullmatch(text(event, "user"))
            and _ID.fullmatch(channel)
            and _TIME.fullmatch(at)
            and (not thread or _TIME.fullmatch(thread))
        )
        if not whole:
            return self._ignored("malformed", known=False)
        return self._addressed(channel, at, thread)

    def _nobody(self) -> str:
        """Return why no person wrote this; empty where one did."""
        event = self.event
        user = text(event, "user")
        reasons = {
            "hidden": event.get("hidden") is True,
            "own_message": text(event, "app_id") == self.config.app_id
            or (user != "" and user == self._bot),
            "other_bot": bool(event.get("bot_id") or event.get("bot_profile")),
            "slackbot": user in SYSTEM_USERS,
            "no_author": not user,
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    def _addressed(self, channel: str, at: str, thread: str) -> Arrived | Ignored:
        """Decide whether the agent is meant."""
        if self._direct(channel):
            return self._arrived(channel, at, f"{channel}:{thread}" if thread else channel)
        key = f"{channel}:{thread or at}"
        if self._mentioned or self.always:
            return self._arrived(channel, at, key)
        if not thread:
            return self._ignored("not_addressed")
        if text(self.event, "text").lstrip().startswith("<@"):
            return self._ignored("addressed_to_another")
        return self._arrived(channel, at, key, only_if_known=True)

    def _arrived(
        self, channel: str, at: str, key: str, *, only_if_known: bool = False
    ) -> Arrived | Ignored:
        attachments = _attachments(self.event.get("files"))
        said = self._text()
        if not said.strip() and not attachments:
            return self._ignored("empty")
        message = InboundMessage(
            conversation_key=key,
            dedupe_keys=(*self.keys, f"message/{self.config.team_id}/{channel}/{at}"),
            client_id=at,
            person=Person(key=text(self.event, "user"), display_name=self._name()),
            text=said,
            attachments=attachments,
            sent_at=_time(at),
        )
        return Arrived(message, delivery_keys=self.keys, room=channel, only_if_known=only_if_known)

    def _ignored(self, reason: str, *, known: bool = True) -> Ignored:
        return Ignored(reason=reason, dedupe_keys=self.keys, known=known)

    @property
    def _bot(self) -> str:
        """The app's own user in the workspace; empty where the event does not say."""
        authorizations = self.content.get("authorizations")
        first = authorizations[0] if isinstance(authorizations, list) and authorizations else None
        where = mapping(first)
        return text(where, "user_id") if where.get("is_bot") is not False else ""

    @property
    def _mentioned(self) -> bool:
        if self._bot:
            found = re.search(rf"<@{re.escape(self._bot)}(\|[^<>]*)?>", text(self.event, "text"))
            return found is not None or text(self.event, "type") == "app_mention"
        return text(self.event, "type") == "app_mention"

    def _direct(self, channel: str) -> bool:
        return text(self.event, "channel_type") == "im" or channel.startswith("D")

    def _text(self) -> str:
        """Return what was said, without the mention that only says who is meant."""
        raw = text(self.event, "text").replace("\x00", "")[: SPEC.limits.inbound_text_characters]
        if not self._bot:
            return plain(raw)
        without = re.sub(rf"<@{re.escape(self._bot)}(\|[^<>]*)?>[ \t]?[,:]?[ \t]?", "", raw)
        return plain(without.strip() or raw)

    def _name(self) -> str:
        profile = mapping(self.event.get("user_profile"))
        name = text(profile, "display_name") or text(profile, "real_name")
        return name.replace("\x00", "")[:_LONGEST_NAME]


def _attachments(files: Any) -> tuple[Attachment, ...]:
    if not isinstance(files, list):
        return ()
    found = (_attachment(mapping(one)) for one in files[:_MOST_FILES])
    return tuple(one for one in found if one is not None)


def _attachment(file: Mapping[str, Any]) -> Attachment | None:
    key = text(file, "id")
    if not _ID.fullmatch(key):
        return None
    size = file.get("size")
    return Attachment(
        key=key,
        name=text(file, "name").replace("\x00", "")[:255],
        media_type=text(file, "mimetype").replace("\x00", "")[:127] or "application/octet-stream",
        size_bytes=size if type(size) is int and 0 <= size < 2**53 else None,
    )


def _time(at: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(at), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _uninstalled() -> Learnt:
    return Learnt(
        condition="Authenticated",
        status="False",
        reason="AppUninstalled",
        message="The app was removed from the workspace. Install it again (api.slack.com/apps,"
        " Install App) and put the new Bot User OAuth Token into the Secret as botToken.",
    )


def _revoked() -> Learnt:
    return Learnt(
        condition="Authenticated",
        status="False",
        reason="TokenRevoked",
        message="Slack revoked the bot token. Install the app again (api.slack.com/apps, Install"
        " App) and put the new Bot User OAuth Token into the Secret as botToken.",
    )
