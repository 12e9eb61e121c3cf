"""Sentences that are written in one place and said in another, in a person's language."""


def mark(sentence: str) -> str:
    """Return `sentence` as it is: imported as `_`, it marks the sentence for the catalogues."""
    return sentence
