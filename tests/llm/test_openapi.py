"""The exported API document is the one the code makes, and asks for what the agent sends."""

import json
from pathlib import Path

from konstruct_llm.app import openapi_document

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "llm.openapi.json"


def test_the_committed_document_is_current() -> None:
    committed = json.loads(REFERENCE.read_text())
    assert committed == json.loads(json.dumps(openapi_document())), "run `make generate`"


def test_every_operation_is_described_and_names_its_refusals() -> None:
    for path, operations in openapi_document()["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
            assert {"401", "503"} <= set(operation["responses"]), path


def test_a_chat_completion_needs_the_turns_fence() -> None:
    operation = openapi_document()["paths"]["/v1/chat/completions"]["post"]
    required = {one["name"] for one in operation["parameters"] if one["required"]}
    assert required == {"konstruct-turn", "konstruct-attempt", "konstruct-turn-token"}
