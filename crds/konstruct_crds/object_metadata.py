"""What Kubernetes itself asks of an object's metadata, as far as a person writes it.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from konstruct_crds.structural import Problem, unknown_field

_FIELDS = dict.fromkeys((
    *("name", "generateName", "namespace", "uid", "resourceVersion", "generation", "selfLink"),
    *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels"),
    *("annotations", "ownerReferences", "finalizers", "managedFields"),
))  # fmt: skip
_LONGEST_NAME_PART = 63
_LONGEST_PREFIX = 253
_LONGEST_LABEL = 63
_ALL_ANNOTATIONS_BYTES = 262_144
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def metadata_problems(metadata: Any) -> Iterator[Problem]:
    """Yield what is wrong with an object's metadata, apart from the rules of its kind."""
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        yield Problem("metadata", "This must be an object: metadata: {name: ...}.", blocking=True)
        return
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        yield Problem("metadata.name", "This is missing and required, as text.", blocking=True)
    for field in metadata:
        if field not in _FIELDS:
            text = unknown_field(str(field), _FIELDS)
            yield Problem(f"metadata.{field}", text, blocking=True)
    for field in ("labels", "annotations"):
        yield from _text_map_problems(metadata.get(field), f"metadata.{field}")
    yield from _label_problems(metadata.get("labels"))
    yield from _annotation_problems(metadata.get("annotations"))


def _text_map_problems(values: Any, path: str) -> Iterator[Problem]:
    if values is not None and not isinstance(values, Mapping):
        yield Problem(path, "This must be an object of names and texts.", blocking=True)
        return
    for key, value in (values or {}).items():
        if value is not None and not isinstance(value, str):
            wanted = str(value).lower() if isinstance(value, bool) else str(value)
            yield Problem(f"{path}.{key}", f"This must be a text: write '{wanted}'.", blocking=True)


def _label_problems(labels: Any) -> Iterator[Problem]:
    for key, value in labels.items() if isinstance(labels, Mapping) else ():
        if not _is_key(str(key)):
            yield _key_problem("labels", key)
        text = value if isinstance(value, str) else ""
        if len(text) > _LONGEST_LABEL or not _LABEL.fullmatch(text):
            yield Problem(
                f"metadata.labels.{key}",
                f"{text!r} cannot be a label's value: write at most {_LONGEST_LABEL} letters,"
                " digits, '-', '_' and '.', beginning and ending with a letter or digit.",
            )


def _annotation_problems(annotations: Any) -> Iterator[Problem]:
    if not isinstance(annotations, Mapping):
        return
    for key in annotations:
        if not _is_key(str(key).lower()):
            yield _key_problem("annotations", key)
    size = sum(len(f"{key}{value or ''}".encode()) for key, value in annotations.items())
    if size > _ALL_ANNOTATIONS_BYTES:
        text = f"These have {size} bytes together: write at most {_ALL_ANNOTATIONS_BYTES}."
        yield Problem("metadata.annotations", text)


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if len(name) > _LONGEST_NAME_PART or not _NAME_PART.fullmatch(name):
        return False
    return not slash or (len(prefix) <= _LONGEST_PREFIX and bool(_PREFIX.fullmatch(prefix)))


def _key_problem(field: str, key: Any) -> Problem:
    text = f"{key!r} cannot be a name here: write it as name or as example.com/name."
    return Problem(f"metadata.{field}.{key}", text)
