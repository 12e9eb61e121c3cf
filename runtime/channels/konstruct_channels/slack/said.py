"""A `message` or an `app_mention` of Slack: what it says, and whether the agent is meant. Pure.

A mention in a channel comes as two events with different ids, `message` and `app_mention`; whether
a message is a mention is decided from its text, so that either one suffices and both have the key
(team, channel, ts).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from konstruct_channels.inbound import Arrived
from konstruct_channels.slack import people
from konstruct_channels.slack.fields import IDENTIFIER, TIMESTAMP, mapping, text
from konstruct_channels.slack.markup import plain
from konstruct_channels.slack.spec import SPEC, SlackConfig
from konstruct_messages.inbound import Attachment, Ignored, InboundMessage, Person

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
SYSTEM_USERS = frozenset({"USLACKBOT", "USLACK"})

_MOST_FILES = 32


@dataclass(frozen=True)
class Said:
    """An event that says something. `keys` name this delivery alone; `always`: nobody is asked."""

    content: Mapping[str, Any]
    event: Mapping[str, Any]
    config: SlackConfig
    keys: tuple[str, ...]
    always: bool

    def read(self) -> Arrived | Ignored:
        """Return the message, or why it is none for the agent."""
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
            IDENTIFIER.fullmatch(text(event, "user"))
            and IDENTIFIER.fullmatch(channel)
            and TIMESTAMP.fullmatch(at)
            and (not thread or TIMESTAMP.fullmatch(thread))
        )
        if not whole:
            return self._ignored("malformed", known=False)
        return self._addressed(channel, at, thread)

    def _nobody(self) -> str:
        """Return why no person wrote this; empty where one did."""
        event = self.event
        user, reason = text(event, "user"), ""
        if event.get("hidden") is True:
            reason = "hidden"
        elif text(event, "app_id") == self.config.app_id or (user != "" and user == self._bot):
            reason = "own_message"
        elif event.get("bot_id") or event.get("bot_profile"):
            reason = "other_bot"
        elif user in SYSTEM_USERS:
            reason = "slackbot"
        elif not user:
            reason = "no_author"
        return reason

    def _addressed(self, channel: str, at: str, thread: str) -> Arrived | Ignored:
        """Decide whether the agent is meant."""
        if self._direct(channel):
            return self._arrived(channel, at, f"{channel}:{thread}" if thread else channel)
        key = f"{channel}:{thread or at}"
        if self._mentioned or self.always:
            return self._arrived(channel, at, key, addressed=self._mentioned)
        if not thread:
            return self._ignored("not_addressed")
        if text(self.event, "text").lstrip().startswith(("<@", "<!subteam^")):
            return self._ignored("addressed_to_another")
        return self._arrived(channel, at, key, only_if_known=True, addressed=False)

    def _arrived(
        self,
        channel: str,
        at: str,
        key: str,
        *,
        only_if_known: bool = False,
        addressed: bool = True,
    ) -> Arrived | Ignored:
        attachments = _attachments(self.event.get("files"))
        said = self._text()
        if not said.strip() and not attachments:
            return self._ignored("empty")
        user = text(self.event, "user")
        message = InboundMessage(
            conversation_key=key,
            dedupe_keys=(*self.keys, f"message/{self.config.team_id}/{channel}/{at}"),
            client_id=at,
            person=Person(key=user, display_name=people.display_name(self.event)),
            text=said,
            attachments=attachments,
            sent_at=_time(at),
        )
        return Arrived(
            message,
            delivery_keys=self.keys,
            room=channel,
            only_if_known=only_if_known,
            addressed=addressed,
            standing=people.standing(self.content, self.event, self.config.team_id),
        )

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
        if text(self.event, "type") == "app_mention":
            return True
        bot, said = self._bot, text(self.event, "text")
        if not bot or f"<@{bot}" not in said:
            return False
        return re.search(rf"<@{re.escape(bot)}(\|[^<>]*)?>", said) is not None

    def _direct(self, channel: str) -> bool:
        return text(self.event, "channel_type") == "im" or channel.startswith("D")

    def _text(self) -> str:
        """Return what was said, without the mention that only says who is meant."""
        raw = text(self.event, "text").replace("\x00", "")[: SPEC.limits.inbound_text_characters]
        bot, without = self._bot, raw
        if not bot:
            return plain(raw)
        if f"<@{bot}" in raw:
            without = re.sub(rf"<@{re.escape(bot)}(\|[^<>]*)?>[ \t]?[,:]?[ \t]?", "", raw)
        return plain(without.strip() or raw)


def _attachments(files: Any) -> tuple[Attachment, ...]:
    if not isinstance(files, list):
        return ()
    found = (_attachment(mapping(one)) for one in files[:_MOST_FILES])
    return tuple(one for one in found if one is not None)


def _attachment(file: Mapping[str, Any]) -> Attachment | None:
    key = text(file, "id")
    if not IDENTIFIER.fullmatch(key):
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
