"""What people said and saw, conversation by conversation, and what an oracle concludes from it.

A nonce names one message. The far model answers with the nonces it was asked, so that every visible
reply says which messages it covers. Nothing here knows the product's own counters.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.far_model import Answer, Behaviour

NONCE = re.compile(r"\bm\d+x\d+x[0-9a-f]{8}\b")
_SHOWN = 5


def nonce(person: int, number: int, random_bits: int) -> str:
    """Return the name of a person's message."""
    return f"m{person}x{number}x{random_bits & 0xFFFFFFFF:08x}"


def words(name: str) -> str:
    """Return what a person writes."""
    return f"please answer {name}"


def answer_with_nonces(body: dict[str, Any]) -> Behaviour:
    """Answer as the far model: with the nonces of what was said since the last answer."""
    found: list[str] = []
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "assistant":
            break
        if message.get("role") == "user":
            found = NONCE.findall(str(message.get("content"))) + found
    return Answer(text=" ".join(found) or "nothing", token_seconds=0.002)


@dataclass
class Conversation:
    """One conversation as the far end knows it; times are monotonic seconds."""

    name: str
    said_at: dict[str, float] = field(default_factory=dict)
    """When each message was first sent; the order of entries is the order of sending."""
    accepted: dict[str, float] = field(default_factory=dict)
    """The acknowledged messages, with the time of the acknowledgement."""
    order: dict[str, int] = field(default_factory=dict)
    """Where the product says a message stands, where it says so (`seq`)."""
    replied_at: dict[str, float] = field(default_factory=dict)
    """When each message was first seen answered."""
    replies: list[str] = field(default_factory=list)
    """The final text of every visible message of the agent, in the order people see them."""
    contradictions: list[str] = field(default_factory=list)

    @property
    def unanswered(self) -> int:
        """How many acknowledged messages no reply has named yet."""
        return sum(1 for one in self.accepted if one not in self.replied_at)

    def in_order(self) -> list[str]:
        """Return the acknowledged messages in the order of their durable acceptance."""
        if self.order:
            return sorted(self.accepted, key=lambda one: self.order[one])
        return [one for one in self.said_at if one in self.accepted]


@dataclass
class Verdict:
    """What the ledgers prove; a clean run has nothing but zeros here."""

    accepted: int = 0
    answered: int = 0
    visible: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    contradictions: int = 0
    unasked: int = 0
    """Visible messages that cover nothing: apologies, for example."""
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nothing was lost, doubled, reordered or contradicted."""
        return not (self.lost or self.doubled or self.reordered or self.contradictions)

    def note(self, kind: str, conversation: Conversation, names: Iterable[str]) -> int:
        """Keep a few examples of a violation; return how many there are."""
        found = list(names)
        room = max(0, _SHOWN - sum(one.startswith(kind) for one in self.examples))
        self.examples += [f"{kind} {conversation.name}: {name}" for name in found[:room]]
        return len(found)


def judge(conversations: Iterable[Conversation]) -> Verdict:
    """Return what the ledgers prove."""
    verdict = Verdict()
    for one in conversations:
        _judge(one, verdict)
    return verdict


def _judge(conversation: Conversation, verdict: Verdict) -> None:
    covered = [NONCE.findall(text) for text in conversation.replies]
    answered = [name for names in covered for name in names]
    counts = Counter(answered)
    accepted = conversation.in_order()
    verdict.accepted += len(accepted)
    verdict.visible += len(covered)
    verdict.answered += sum(1 for name in accepted if counts[name])
    lost = [name for name in accepted if not counts[name]]
    verdict.lost += verdict.note("lost", conversation, lost)
    doubled = [name for name, count in counts.items() if count > 1]
    verdict.doubled += verdict.note("doubled", conversation, doubled)
    firsts = [name for name in dict.fromkeys(answered) if name in conversation.accepted]
    wanted = [name for name in accepted if counts[name]]
    swapped = [name for name, right in zip(firsts, wanted, strict=True) if name != right]
    verdict.reordered += verdict.note("reordered", conversation, swapped[:1])
    strange = [name for name in counts if name not in conversation.said_at]
    strange += conversation.contradictions
    verdict.contradictions += verdict.note("contradiction", conversation, strange)
    unasked = [text for text, names in zip(conversation.replies, covered, strict=True) if not names]
    verdict.unasked += verdict.note("unasked", conversation, unasked)


def recoveries(
    conversations: Sequence[Conversation], moments: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return for each moment in how many seconds people were heard, and answered, again.

    Only messages that were first sent after the moment count. A moment after which nothing was
    said is left out.
    """
    said: list[tuple[float, float, float]] = sorted(
        (at, one.accepted.get(name, _NEVER), one.replied_at.get(name, _NEVER))
        for one in conversations
        for name, at in one.said_at.items()
    )
    times = [at for at, _, _ in said]
    heard, answered = [_NEVER] * (len(said) + 1), [_NEVER] * (len(said) + 1)
    for index in range(len(said) - 1, -1, -1):
        heard[index] = min(heard[index + 1], said[index][1])
        answered[index] = min(answered[index + 1], said[index][2])
    after = [bisect_right(times, moment) for moment in moments]
    pairs = list(zip(moments, after, strict=True))
    return (
        [heard[index] - moment for moment, index in pairs if heard[index] < _NEVER],
        [answered[index] - moment for moment, index in pairs if answered[index] < _NEVER],
    )


_NEVER = float("inf")
