"""What every Kubernetes object carries: the part of its metadata that Konstruct reads."""

from datetime import datetime

from pydantic import Field

from konstruct_crds.part import LONGEST_NAME, NAME_PATTERN, Part
from konstruct_crds.rules import Rule

GROUP = "konstruct.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class ObjectMeta(Part):
    """Kubernetes' object metadata, as far as Konstruct reads it."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


def name_rule() -> Rule:
    """Return the rule on the names of our kinds: child objects are named after them."""
    return Rule(
        name="name-starts-with-a-letter",
        cel=f"self.metadata.name.matches('{NAME_PATTERN}')",
        python=lambda value: _is_name(value["metadata"]["name"]),
        message="The name must begin with a lower-case letter, contain only lower-case letters,"
        " digits and '-', and not end with '-': write acme or acme-berlin.",
        field_path=".metadata.name",
    )


def name_length_rule() -> Rule:
    """Return the rule on the length of names: suffixes must fit into 63 characters."""
    return Rule(
        name="name-is-short",
        cel=f"size(self.metadata.name) <= {LONGEST_NAME}",
        python=lambda value: len(value["metadata"]["name"]) <= LONGEST_NAME,
        message=f"The name must have at most {LONGEST_NAME} characters, because the names of child"
        " objects are made from it: choose a shorter one and write the long one as displayName.",
        field_path=".metadata.name",
    )


def _is_name(text: str) -> bool:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return (
        text[:1] in letters
        and text[:1] != ""
        and not text.endswith("-")
        and all(one in letters + "0123456789-" for one in text)
    )
