"""What the business wrote from its own phone: a human has the conversation now. Pure.

https://developers.facebook.com/docs/whatsapp/embedded-signup/custom-flows/onboarding-business-app-users
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from konstruct_channels.inbound import Intervened, Item
from konstruct_channels.whatsapp import people
from konstruct_channels.whatsapp.contents import content_of
from konstruct_channels.whatsapp.fields import identifier, moment, text
from konstruct_channels.whatsapp.spec import SPEC
from konstruct_messages.inbound import Ignored, Person

_OF_A_BOT = "created_by_1p_bot"
_CHANGES = frozenset({"edit", "revoke"})
_STALE = timedelta(days=SPEC.limits.dedupe_days)
_LONGEST = 8000


def read(echo: Mapping[str, Any], contacts: Any, *, now: datetime) -> Item:
    """Return what an echo says: a human answered, or nothing of interest."""
    key = identifier(echo, "id")
    if not key:
        return Ignored(reason="malformed", known=False)
    keys = (f"echo/{key}",)
    at = moment(echo)
    if at is not None and now - at > _STALE:
        return Ignored(reason="stale", dedupe_keys=keys)
    if text(echo, "message_creation_type") == _OF_A_BOT:
        return Ignored(reason="echo_of_a_bot", dedupe_keys=keys)
    if text(echo, "type") in _CHANGES:
        return Ignored(reason="echo_of_a_change", dedupe_keys=keys)
    person = people.addressee(echo, contacts)
    if person is None:
        return Ignored(reason="echo_to_nobody", dedupe_keys=keys, known=False)
    content = content_of(echo)
    names = [one.name for one in content.attachments] if content is not None else []
    said = (content.text if content is not None else "").strip()
    return Intervened(
        person=Person(key=person.key, display_name=person.display_name),
        conversation_key=person.key,
        text="\n".join(one for one in (said, *names) if one)[:_LONGEST],
        vendor_id=key,
        delivery_keys=keys,
        aliases=person.names,
    )
