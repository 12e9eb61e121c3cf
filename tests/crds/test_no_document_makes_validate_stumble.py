"""Whatever stands in a YAML file, `validate` answers with problems and never with an exception."""

import copy
import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct_crds import Agent, AgentTemplate, ChannelConnection, Tenant, validate
from konstruct_crds.schema import KINDS
from support.crd_mutations import full_documents

_MODELS = {one.__name__: one for one in (Tenant, Agent, ChannelConnection, AgentTemplate)}
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=4),
)
_KEYS = st.one_of(st.text(max_size=10), st.integers(), st.booleans(), st.none(), st.dates())
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_FULL = [document for documents in full_documents().values() for document in documents]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for step, one in steps:
        found.append((*path, step))
        if isinstance(one, dict | list):
            found += _places(one, (*path, step))
    return found


@given(document=st.dictionaries(_KEYS, _ANYTHING, max_size=4), kind=st.sampled_from(list(KINDS)))
def test_documents_of_any_shape_are_answered(document: dict[Any, Any], kind: str) -> None:
    assert validate(document)
    ours = {"apiVersion": "konstruct.dev/v1alpha1", "kind": kind}
    assert isinstance(validate({**document, **ours}), list)
    assert isinstance(validate({**ours, "metadata": document, "spec": document}), list)


@settings(max_examples=400)
@given(data=st.data())
def test_valid_documents_with_anything_anywhere_are_answered(data: st.DataObject) -> None:
    whole = copy.deepcopy(data.draw(st.sampled_from(_FULL)))
    old = copy.deepcopy(whole)
    place = data.draw(st.sampled_from(_places(whole)))
    inner: Any = whole
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = data.draw(_ANYTHING)
    problems = validate(whole, old=old)
    if not problems:
        # What is valid can be read into the models.
        _MODELS[whole["kind"]].model_validate(_as_stored(whole))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "quote it"),
        (7, "the number 7"),
        (dt.date(2026, 1, 31), "quote it"),
        (["a"], "a list"),
    ],
)
def test_yamls_surprises_are_named(value: Any, words: str) -> None:
    document = {**_FULL[0], "spec": {**_FULL[0]["spec"], "displayName": value}}
    (problem,) = validate(document)
    assert problem.path == "spec.displayName"
    assert words in problem.message


def _as_stored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_stored(one) for key, one in value.items() if one is not None}
    return [_as_stored(one) for one in value] if isinstance(value, list) else value
