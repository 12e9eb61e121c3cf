"""The portal's edits change what was asked for in a file, and not a byte more than they must."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct_local import edits
from konstruct_local.documents import Document, read_documents
from support.folders import AGENT, CONNECTION, TENANT

FILE = f"""\
# All of Acme.
{TENANT}---
{AGENT}  tools:
    # The clock.
    - name: clock
      type: BuiltIn
      builtIn: {{function: DateAndTime}}
    - name: search   # slow
      type: HTTP
---
{CONNECTION}"""


def test_comments_order_and_the_other_documents_stay() -> None:
    agent = _agent(FILE)
    spec = copy.deepcopy(agent.content["spec"])
    spec["displayName"] = "Ada"
    spec["persona"] = "You are brief.\nAnd kind.\n"
    text = edits.with_spec(FILE, agent, spec)
    assert text == FILE.replace("displayName: Ana", "displayName: Ada").replace(
        "    You are warm and brief.\n", "    You are brief.\n    And kind.\n"
    )


def test_an_item_of_a_list_goes_with_its_own_comment_only() -> None:
    agent = _agent(FILE)
    spec = copy.deepcopy(agent.content["spec"])
    spec["tools"].append({"name": "mail", "type": "HTTP", "note": "no"})
    text = edits.with_spec(FILE, agent, spec)
    assert "    # The clock.\n    - name: clock\n" in text
    assert "- name: search   # slow\n" in text
    assert '      note: "no"\n' in text
    assert _agent(text).content["spec"] == spec


def test_nothing_changes_when_nothing_is_asked_for() -> None:
    agent = _agent(FILE)
    assert edits.with_spec(FILE, agent, copy.deepcopy(agent.content["spec"])) == FILE


def test_removing_a_document_leaves_the_others() -> None:
    text = edits.without(FILE, _agent(FILE))
    documents, faults = read_documents(text, "file.yaml")
    assert faults == []
    assert [one.kind for one in documents] == ["Tenant", "ChannelConnection"]


def test_removing_the_only_document_leaves_nothing() -> None:
    assert edits.without(AGENT, _agent(AGENT)) == ""


@pytest.mark.parametrize("indent", ["", "  ", "    "])
def test_the_author_s_indentation_of_lists_is_kept(indent: str) -> None:
    text = f"kind: Agent\nspec:\n  names:\n  {indent}- one\n  {indent}- two\n"
    agent = _agent(text)
    spec = {"names": ["one", "three"]}
    assert edits.with_spec(text, agent, spec) == text.replace("two", "three")


_scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=40)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=120, deadline=None)
@given(spec=st.dictionaries(st.sampled_from(["displayName", "tools", "role", "x"]), _values))
def test_whatever_is_written_reads_back_or_is_noticed(spec: dict[str, Any]) -> None:
    """Some text YAML cannot hold (control letters): then reading tells, and nothing is written."""
    agent = _agent(FILE)
    text = edits.with_spec(FILE, agent, spec)
    documents, faults = read_documents(text, "file.yaml")
    if not faults:
        found = next(one for one in documents if one.kind == "Agent")
        assert found.content["spec"] == spec or _has_unusual_text(spec)


def _has_unusual_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_unusual_text(one) for one in (*value, *value.values()))
    if isinstance(value, list):
        return any(_has_unusual_text(one) for one in value)
    return isinstance(value, str) and not value.isprintable()


def _agent(text: str) -> Document:
    documents, faults = read_documents(text, "file.yaml")
    assert faults == []
    return next(one for one in documents if one.kind == "Agent")
