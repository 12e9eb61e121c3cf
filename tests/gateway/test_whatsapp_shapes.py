"""Every recorded shape, through the front door: one right reply, or counted, and nothing else."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from support.channel_examples import Example, load_examples
from support.gateways import SampleTenant
from support.postgres import Database
from support.whatsapp_house import whatsapp_house

pytestmark = pytest.mark.postgres

EXAMPLES = [one for one in load_examples() if one.spec.folder == "whatsapp"]
_MADE_AT = 1_767_225_540
"""When the examples were made; a message of that time would be too old to be believed."""
_WHOSE_CONTENT_MATTERS = frozenset({"moved", "intervened", "learnt", "receipt"})

_TOO_LATE_TO_ANSWER = "text_of_last_week"
"""It is kept and answered, and Meta takes no answer any more: held until the person writes."""


def as_of_now(example: Example, number: int) -> bytes:
    """Return the example's body as if it were made now, by a person and with ids of its own."""
    found = example.body.decode()
    now = int(time.time())
    for days in (0, 7, 9):
        found = found.replace(str(_MADE_AT - days * 86_400), str(now - days * 86_400))
    found = found.replace("wamid.", f"wamid.N{number}.")
    found = found.replace("16505551234", f"1999{number:07d}").replace("5555678", f"8{number:06d}")
    return found.replace("US.", f"US.N{number}.").encode()


def answered(example: Example) -> list[str]:
    """Return what is to be said to a connection's person by an agent that echoes."""
    expected: dict[str, Any] = example.content["expect"]
    said = [one["message"].get("text", "") for one in expected.get("arrived", ())]
    # A choice of nobody's question is what its button says.
    pressed = [_title(example.document) for _ in expected.get("chosen", ())]
    return [*said, *pressed]


def _title(document: Any) -> str:
    found: list[str] = []

    def look(node: Any) -> None:
        if isinstance(node, dict):
            part = node.get("button_reply") or node.get("list_reply") or node.get("button")
            if isinstance(part, dict):
                found.append(str(part.get("title") or part.get("text")))
            for one in node.values():
                look(one)
        elif isinstance(node, list):
            for one in node:
                look(one)

    look(document)
    return found[0]


async def test_every_shape_is_answered_once_or_counted(
    database: Database, tenant: SampleTenant
) -> None:
    wanted: list[str] = []
    ignored: Counter[str] = Counter()
    async with whatsapp_house(database, tenant, later_seconds=1e6) as house:
        for number, example in enumerate(EXAMPLES):
            expected = example.content["expect"]
            if _WHOSE_CONTENT_MATTERS & expected.keys():
                # Tried for themselves; here they are in the way of others.
                continue
            body = as_of_now(example, number)
            for _ in range(2):
                assert (await house.caller.call(body)).status_code == 200, example.name
            if example.name != _TOO_LATE_TO_ANSWER:
                wanted += [f"You said: {text}".strip() for text in answered(example)]
            for one in expected.get("ignored", ()):
                ignored[one["reason"]] += 1
        replies = await house.settled(len(wanted), seconds=120)
        assert sorted(one.strip() for one in replies) == sorted(wanted)
        held = await house.rows("SELECT text FROM konstruct.deliveries WHERE state = 'Held'")
        assert [row["text"] for row in held] == ["You said: hi"]
        counted = await house.ignored()
        # What has no id of its own is counted each time it comes.
        assert counted.keys() == ignored.keys()
        assert all(ignored[reason] <= n <= 2 * ignored[reason] for reason, n in counted.items())


def test_examples_tell_every_type_of_message_apart() -> None:
    text = json.dumps([one.content for one in EXAMPLES])
    for kind in ("text", "image", "audio", "video", "document", "sticker", "location", "contacts"):
        assert f'"type": "{kind}"' in text
    for kind in ("interactive", "button", "reaction", "order", "edit", "revoke", "unsupported"):
        assert f'"type": "{kind}"' in text
