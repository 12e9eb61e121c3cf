"""An account's templates: listed, and the one that asks a person to write again. Pure.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview
"""

from collections.abc import Mapping
from typing import Any

from konstruct_channels.whatsapp.fields import listed, mapping, text
from konstruct_channels.whatsapp.spec import WhatsAppConfig
from konstruct_messages.templates import Template

FIELDS = "name,language,status,category,quality_score,components"
_LONGEST = 512
_LONGEST_WORDS = 1024


def listed_in(answer: Mapping[str, Any]) -> list[Template]:
    """Return the templates of one page."""
    return [
        Template(
            name=text(one, "name")[:_LONGEST],
            language=text(one, "language")[:_LONGEST],
            state=text(one, "status")[:_LONGEST],
            category=text(one, "category")[:_LONGEST].lower(),
            quality=text(mapping(one.get("quality_score")), "score")[:_LONGEST],
            words=_words(one),
        )
        for one in listed(answer.get("data"))
        if text(one, "name") and text(one, "language")
    ]


def next_page(answer: Mapping[str, Any]) -> str:
    """Return where the next page begins; empty at the end."""
    paging = mapping(answer.get("paging"))
    return text(mapping(paging.get("cursors")), "after") if text(paging, "next") else ""


def reopening(config: WhatsAppConfig) -> Mapping[str, Any] | None:
    """Return the content of the template message that reopens a conversation."""
    if not config.reopen_template:
        return None
    return {"name": config.reopen_template, "language": {"code": config.reopen_language}}


def _words(template: Mapping[str, Any]) -> str:
    bodies = [one for one in listed(template.get("components")) if text(one, "type") == "BODY"]
    return text(bodies[0], "text")[:_LONGEST_WORDS] if bodies else ""
