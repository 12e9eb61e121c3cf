"""By which names WhatsApp knows a person: a phone number, a user id, or both. Pure.

A user id (BSUID, `US.1349...`) belongs to a person and a business; the number may be absent:
https://developers.facebook.com/docs/whatsapp/business-scoped-user-ids
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konstruct_channels.whatsapp.fields import listed, mapping, text

_NUMBER = re.compile(r"\+?([0-9]{5,20})", re.ASCII)
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,160}", re.ASCII)
_LONGEST_NAME = 128


@dataclass(frozen=True)
class Known:
    """A person as one delivery names them; at least one of the two names is there."""

    number: str = ""
    user_id: str = ""
    display_name: str = ""

    @property
    def key(self) -> str:
        """The name by which the person is known first, and written to."""
        return self.number or self.user_id

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, the one to go by first."""
        return tuple(one for one in (self.number, self.user_id) if one)


def number(written: str) -> str:
    """Return a phone number's digits (`+` is optional), or nothing."""
    found = _NUMBER.fullmatch(written)
    return found.group(1) if found else ""


def user_id(written: str) -> str:
    """Return a user id, or nothing where it is none."""
    return written if _USER_ID.fullmatch(written) else ""


def writer(message: Mapping[str, Any], contacts: Any) -> Known | None:
    """Return who wrote a message: by its own fields, and by the contact that goes with it."""
    return _person(text(message, "from"), text(message, "from_user_id"), contacts)


def addressee(echo: Mapping[str, Any], contacts: Any) -> Known | None:
    """Return to whom the business wrote from its own phone."""
    return _person(text(echo, "to"), text(echo, "to_user_id"), contacts)


def _person(wa_id: str, bsuid: str, contacts: Any) -> Known | None:
    found = Known(number(wa_id), user_id(bsuid))
    several = [*listed(contacts)]
    for contact in several:
        theirs = Known(number(text(contact, "wa_id")), user_id(text(contact, "user_id")))
        # A lone contact of a message without any name is its writer's.
        alone = not found.names and len(several) == 1
        if alone or set(found.names) & set(theirs.names):
            name = text(mapping(contact.get("profile")), "name").strip()[:_LONGEST_NAME]
            return _whole(
                Known(found.number or theirs.number, found.user_id or theirs.user_id, name)
            )
    return _whole(found)


def _whole(known: Known) -> Known | None:
    return known if known.names else None
