"""What the schemas promise to whoever reads, writes or upgrades them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest

from konstruct_channels.catalogue import specs_document
from konstruct_crds import Agent, AgentTemplate, ChannelConnection, Tenant, with_defaults
from konstruct_crds.__main__ import differing_files, main
from konstruct_crds.channel_types import channel_types
from konstruct_crds.documents import crd_documents
from konstruct_crds.reference import editor_schema
from konstruct_crds.rules import Rule
from konstruct_crds.schema import KINDS, schema_of
from support.crd_examples import bases, rules_of
from support.crd_mutations import fields_of, full_documents

_ROOT = Path(__file__).parents[2]


class Node(NamedTuple):
    """A field of a CRD: where it is, what it may hold, whether it repeats."""

    path: str
    schema: dict[str, Any]
    in_list: bool


def _nodes() -> Iterator[Node]:
    """Yield every field of every CRD."""
    for document in crd_documents().values():
        kind = document["spec"]["names"]["kind"]
        schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        yield Node(kind, schema, in_list=False)
        for name in ("spec", "status"):
            yield from _below(Node(f"{kind}.{name}", schema["properties"][name], in_list=False))


def _below(node: Node) -> Iterator[Node]:
    yield node
    for name, part in node.schema.get("properties", {}).items():
        yield from _below(Node(f"{node.path}.{name}", part, node.in_list))
    if "items" in node.schema:
        yield from _below(Node(f"{node.path}[]", node.schema["items"], in_list=True))


def _broken(rule: Callable[[Node], bool]) -> list[str]:
    return [node.path for node in _nodes() if not rule(node)]


def test_every_field_has_a_description_in_sentences() -> None:
    def described(node: Node) -> bool:
        scalar_item = node.path.endswith("[]") and node.schema["type"] != "object"
        return scalar_item or bool(re.match(r"[A-Z].*", node.schema.get("description", "")))

    assert _broken(described) == []


def test_nothing_is_referred_to_and_everything_has_a_type() -> None:
    forbidden = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "nullable"}
    assert _broken(lambda node: not forbidden & node.schema.keys()) == []
    assert _broken(lambda node: "type" in node.schema) == []


def test_there_are_no_floats_no_bare_booleans_and_no_free_maps() -> None:
    kinds = {"object", "array", "string", "integer"}
    assert _broken(lambda node: node.schema["type"] in kinds) == []
    assert _broken(lambda node: "additionalProperties" not in node.schema) == []


def test_texts_lists_and_numbers_are_bounded() -> None:
    def bounded(node: Node) -> bool:
        if node.schema["type"] == "string":
            return bool({"maxLength", "enum", "format"} & node.schema.keys())
        if node.schema["type"] == "array":
            return {"maxItems", "x-kubernetes-list-type"} <= node.schema.keys()
        if node.schema["type"] == "integer":
            return "minimum" in node.schema and ("maximum" in node.schema or _is_status(node))
        return True

    assert _broken(bounded) == []


def test_enums_are_in_camel_case() -> None:
    def camel(node: Node) -> bool:
        return all(re.fullmatch(r"[A-Z][A-Za-z]*", one) for one in node.schema.get("enum", ()))

    assert _broken(camel) == []


def test_entries_of_lists_have_no_defaults() -> None:
    assert _broken(lambda node: not (node.in_list and "default" in node.schema)) == []


def test_object_defaults_are_written_out() -> None:
    def written_out(node: Node) -> bool:
        if node.schema["type"] != "object" or "default" not in node.schema:
            return True
        inner = {name for name, part in node.schema["properties"].items() if "default" in part}
        return set(node.schema["default"]) == inner != set()

    assert _broken(written_out) == []


def _is_status(node: Node) -> bool:
    return ".status." in node.path


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_blames_a_field_and_says_what_to_write(kind: str) -> None:
    words = ("write", "name", "choose", "remove", "raise", "create", "put", "give", "keep", "add")
    for rule in rules_of(kind).values():
        assert rule.message.endswith("."), rule.name
        assert any(f" {word} " in rule.message for word in words), rule.name


def test_a_rule_needs_its_twin() -> None:
    with pytest.raises(ValueError, match="either"):
        Rule(name="a", cel="true", message="b")
    with pytest.raises(ValueError, match="oldSelf"):
        Rule(name="a", cel="self == oldSelf", message="b", python=bool)


def test_the_files_are_as_the_models_say() -> None:
    assert differing_files(_ROOT) == []


def test_a_stale_a_missing_and_a_foreign_file_are_told(tmp_path: Path) -> None:
    assert main(["generate", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path)]) == 0
    (tmp_path / "crds" / "konstruct.dev_agents.yaml").unlink()
    (tmp_path / "crds" / "konstruct.dev_tenants.yaml").write_text("a: b\n")
    (tmp_path / "crds" / "other.yaml").write_text("a: b\n")
    (tmp_path / "docs" / "reference" / "resources.md").write_text("# Nothing\n")
    assert differing_files(tmp_path) == [
        "crds/konstruct.dev_agents.yaml",
        "crds/konstruct.dev_tenants.yaml",
        "crds/other.yaml",
        "docs/reference/resources.md",
    ]
    assert main(["check", str(tmp_path)]) == 1
    assert main(["prettify"]) == 2


def test_the_channels_are_those_that_declare_themselves() -> None:
    declared = {one["type"]: one for one in specs_document()["channels"]}
    assert [one.name for one in channel_types()] == sorted(declared)
    for one in channel_types():
        assert one.config_schema == declared[one.name]["configSchema"], "run `make generate`"
        assert one.needs_secret == (declared[one.name]["credentials"] == "Required")


@pytest.mark.parametrize("kind", KINDS)
def test_models_and_crds_have_the_same_defaults(kind: str) -> None:
    models = (Tenant, Agent, ChannelConnection, AgentTemplate)
    model = next(one for one in models if one.__name__ == kind)
    for document in [bases()[kind], *full_documents()[kind]]:
        written, stored = (
            model.model_validate(document),
            model.model_validate(with_defaults(document)),
        )
        if isinstance(written, ChannelConnection) and isinstance(stored, ChannelConnection):
            assert written.spec.config == stored.spec.config
        else:
            assert written == stored


def test_a_parsed_connection_knows_its_channels_block() -> None:
    slack = full_documents()["ChannelConnection"][1]
    assert ChannelConnection.model_validate(slack).spec.config == {
        "appId": "A0123",
        "teamId": "T0123",
        "install": "Own",
        "transport": "SocketMode",
        "suggestedPrompts": [{"title": "Opening hours", "message": "When are you open?"}],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_and_the_editors_schema_know_every_field(kind: str) -> None:
    page = (_ROOT / "docs" / "reference" / "resources.md").read_text(encoding="utf-8")
    for path in fields_of(schema_of(kind)["properties"]["spec"]):
        assert path.rpartition(".")[2] in page
    validator = jsonschema.Draft7Validator(editor_schema(kind))
    for full in full_documents()[kind]:
        assert list(validator.iter_errors(full)) == []
        misspelt = {**full, "spec": {**full["spec"], "noSuchField": 1}}
        assert [one.validator for one in validator.iter_errors(misspelt)] == [
            "additionalProperties"
        ]
