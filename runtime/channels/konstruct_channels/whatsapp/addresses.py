"""Whom a conversation is with: a phone number, or a person known only by a user id (BSUID).

https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

import re

_NUMBER = re.compile(r"[0-9]{5,20}", re.ASCII)


def address_of(conversation_key: str) -> dict[str, str]:
    """Return the field of a message's body that names its reader.

    A number is `to`; anything else is a user id (`US.13491208655302741918`) and is `recipient`.
    """
    if _NUMBER.fullmatch(conversation_key):
        return {"to": conversation_key}
    return {"recipient": conversation_key}
