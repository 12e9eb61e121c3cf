"""Demo embeddings: a hashed bag of words, 384 dimensions, unit length. No meaning, only words."""

import hashlib
import math
import re
import unicodedata

DIMENSIONS = 384
_WORD = re.compile(r"\w+")


def embed(text: str) -> list[float]:
    """Return the vector of `text`; texts that share words are near each other.

    A text without words gets the first axis, since the zero vector has no direction.
    """
    vector = [0.0] * DIMENSIONS
    for word in _WORD.findall(_folded(text)):
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        axis = int.from_bytes(digest[:4], "big") % DIMENSIONS
        vector[axis] += 1.0 if digest[4] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:
        vector[0], length = 1.0, 1.0
    return [value / length for value in vector]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
