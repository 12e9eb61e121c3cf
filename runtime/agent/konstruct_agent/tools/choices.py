"""The tool that ends a turn with a question: the person chooses, or answers in words. Pure."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from konstruct_messages.replies import LONGEST_LABEL, MOST_CHOICES, Choice

FEWEST_CHOICES = 2
_LONGEST_QUESTION = 3_000
_LONGEST_KEY = 40

DESCRIPTION = (
    "Ends your answer with a question and buttons to choose from. Use it when one of a few short"
    " answers is what you need next. The person may also answer in words. Call it last and alone."
)

PARAMETERS = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "What you ask, in the person's language"},
            "choices": {
                "type": "array",
                "minItems": FEWEST_CHOICES,
                "maxItems": MOST_CHOICES,
                "items": {"type": "string", "maxLength": LONGEST_LABEL},
                "description": "The answers as the person reads them, each a few words",
            },
        },
        "required": ["question", "choices"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Offer:
    """A question and the answers that it offers."""

    question: str
    choices: tuple[Choice, ...]


def offer(arguments: Mapping[str, Any]) -> Offer:
    """Return what the model offers. Raises ValueError with a sentence for the model."""
    question = arguments.get("question")
    if not isinstance(question, str) or not question.strip():
        raise ValueError("Give a question.")
    labels = arguments.get("choices")
    if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
        raise ValueError("Give the choices as a list of texts.")
    plain = list(dict.fromkeys(" ".join(one.split()) for one in labels if one.strip()))
    if not FEWEST_CHOICES <= len(plain) <= MOST_CHOICES:
        raise ValueError(f"Give between {FEWEST_CHOICES} and {MOST_CHOICES} different choices.")
    if any(len(one) > LONGEST_LABEL for one in plain):
        raise ValueError(f"A choice has at most {LONGEST_LABEL} characters; say it shorter.")
    keys: list[str] = []
    for label in plain:
        keys.append(_key(label, keys))
    choices = tuple(Choice(key=key, label=label) for key, label in zip(keys, plain, strict=True))
    return Offer(question.strip()[:_LONGEST_QUESTION], choices)


def offered(arguments: str) -> Offer | None:
    """Return what a recorded call offered; None for a call that was refused."""
    try:
        known = json.loads(arguments or "{}")
        return offer(known) if isinstance(known, dict) else None
    except ValueError:
        return None


def _key(label: str, taken: list[str]) -> str:
    """Return a key that a reader of logs recognises: the label's letters, numbered if need be."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:_LONGEST_KEY] or "choice"
    return plain if plain not in taken else f"{plain}-{len(taken) + 1}"
