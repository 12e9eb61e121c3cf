"""One message of a person, or of WhatsApp about a person. Pure.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#messages-object
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from konstruct_channels.inbound import Arrived, Chosen, Item, Moved
from konstruct_channels.whatsapp import people
from konstruct_channels.whatsapp.contents import EDITED, FILES, Content, around, content_of
from konstruct_channels.whatsapp.fields import identifier, listed, mapping, moment, text
from konstruct_channels.whatsapp.people import Known
from konstruct_channels.whatsapp.spec import SPEC
from konstruct_messages.inbound import Ignored, InboundMessage, Person

KNOWN_TYPES = frozenset({"ephemeral", "group", "request_welcome", "revoke"})
"""Types that are known and need no answer."""

_SAYING = FILES | {"button", "contacts", "interactive", "location", "order", "text"}
_CHOICE = re.compile(r"([0-9a-fA-F-]{36}):([A-Za-z0-9_-]{1,64})", re.ASCII)
_STALE = timedelta(days=SPEC.limits.dedupe_days)
_UNSUPPORTED = frozenset({"errors", "unknown", "unsupported"})


@dataclass(frozen=True)
class Said:
    """A message with what was delivered beside it. `now` tells what is too old to be believed."""

    message: Mapping[str, Any]
    contacts: Any
    now: datetime

    def read(self) -> Item:
        """Return what it is for the agent, or why it is nothing."""
        message = self.message
        key, kind = identifier(message, "id"), text(message, "type")
        if not key or not kind:
            return Ignored(reason="malformed", known=False)
        keys = (f"message/{key}",)
        at = moment(message)
        if at is not None and self.now - at > _STALE:
            # Its keys may be forgotten: it cannot be told from a repetition.
            return Ignored(reason="stale", dedupe_keys=keys)
        if kind == "system":
            return self._system(keys)
        if message.get("group_id"):
            return Ignored(reason="group_message", dedupe_keys=keys)
        return self._of_a_person(kind, keys)

    def _of_a_person(self, kind: str, keys: tuple[str, ...]) -> Item:
        if kind == "reaction":
            emoji = text(mapping(self.message.get("reaction")), "emoji")
            reason = "reaction" if emoji else "reaction_removed"
            return Ignored(reason=reason, dedupe_keys=keys)
        if kind in _UNSUPPORTED:
            return Ignored(reason="unsupported", dedupe_keys=keys)
        if kind not in _SAYING and kind != "edit":
            known = kind in KNOWN_TYPES
            return Ignored(reason=kind if known else "unknown_type", dedupe_keys=keys, known=known)
        person = people.writer(self.message, self.contacts)
        if person is None:
            return Ignored(reason="no_author", dedupe_keys=keys, known=False)
        said = self._arrived(kind, keys, person)
        return self._chosen(kind, person, said) or said

    def _chosen(self, kind: str, person: Known, said: Item) -> Chosen | None:
        """Return which choice of an ask was pressed; None where it is another button."""
        part = mapping(self.message.get(kind))
        pressed = {
            "button": text(part, "payload"),
            "interactive": text(mapping(part.get("button_reply")), "id")
            or text(mapping(part.get("list_reply")), "id"),
        }.get(kind, "")
        found = _CHOICE.fullmatch(pressed)
        ask_id = _uuid(found.group(1)) if found else None
        if found is None or ask_id is None or not isinstance(said, Arrived):
            return None
        return Chosen(
            person=said.message.person,
            conversation_keys=(person.key,),
            ask_id=ask_id,
            choice=found.group(2),
            delivery_keys=said.delivery_keys,
            otherwise=said,
        )

    def _arrived(self, kind: str, keys: tuple[str, ...], person: Known) -> Item:
        content = self._edited() if kind == "edit" else content_of(self.message)
        if content is None or content.empty:
            return self._saying_nothing(kind, keys)
        content = around(self.message, content)
        message = InboundMessage(
            conversation_key=person.key,
            dedupe_keys=keys,
            client_id=identifier(self.message, "id")[:128],
            person=Person(key=person.key, display_name=person.display_name),
            text=content.text[: SPEC.limits.inbound_text_characters],
            attachments=content.attachments,
            sent_at=moment(self.message),
        )
        quoted = mapping(self.message.get("context"))
        return Arrived(
            message, delivery_keys=keys, aliases=person.names, quotes=identifier(quoted, "id")
        )

    def _edited(self) -> Content | None:
        """Return the new words; the file that they may belong to came with the first."""
        edited = mapping(mapping(self.message.get("edit")).get("message"))
        content = content_of(edited)
        if content is None or not content.text.strip():
            return None
        return Content(f"{EDITED} {content.text}")

    def _saying_nothing(self, kind: str, keys: tuple[str, ...]) -> Ignored:
        part = mapping(self.message.get(kind))
        if kind == "interactive" and part.get("call_permission_reply"):
            return Ignored(reason="call_permission_reply", dedupe_keys=keys)
        if any(listed(self.message.get("errors"))):
            return Ignored(reason="unsupported", dedupe_keys=keys)
        # An interactive message without a body is known to come.
        known = kind in {"interactive", "edit"} or (kind == "text" and "body" in part)
        return Ignored(reason=f"empty_{kind}", dedupe_keys=keys, known=known)

    def _system(self, keys: tuple[str, ...]) -> Item:
        system = mapping(self.message.get("system"))
        match text(system, "type"):
            case "user_changed_number" | "customer_changed_number":
                former = text(self.message, "from") or text(system, "customer")
                new = text(system, "wa_id") or text(system, "new_wa_id")
                return moved(
                    Known(people.number(former), people.user_id(former)),
                    Known(people.number(new), people.user_id(text(system, "user_id"))),
                    keys,
                )
            case "user_changed_user_id":
                return moved(
                    Known(user_id=people.user_id(text(system, "previous_user_id"))),
                    Known(user_id=people.user_id(text(system, "user_id"))),
                    keys,
                )
            case "customer_identity_changed" | "user_identity_changed":
                return Ignored(reason="identity_changed", dedupe_keys=keys)
            case _:
                return Ignored(reason="unknown_system_message", dedupe_keys=keys, known=False)


def moved(former: Known, new: Known, keys: tuple[str, ...]) -> Moved | Ignored:
    """Return that a person has another name now; it says nothing unless both are known."""
    if not former.names or not new.names:
        # The link between the two comes in another delivery (`user_id_update`).
        return Ignored(reason="name_changed", dedupe_keys=keys)
    return Moved(former=former.names, names=new.names, delivery_keys=keys)


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None
