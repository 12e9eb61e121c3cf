import json
from pathlib import Path

from konstruct_gateway import documents

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_committed_documents_are_those_of_the_code(tmp_path: Path) -> None:
    """If this fails: `python -m konstruct_gateway openapi`, and tell who builds on them."""
    for written in documents.write_documents(tmp_path):
        committed = REFERENCE / written.name
        assert committed.read_text() == written.read_text(), committed.name


def test_the_work_api_says_how_everything_is_refused() -> None:
    document = documents.work_api_document()
    assert len(document["paths"]) == 9
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert {"401", "409", "503"} <= set(operation["responses"]), path


def test_no_reference_of_a_document_leads_nowhere() -> None:
    for document in (documents.work_api_document(), documents.registry_document()):
        text = json.dumps(document)
        for part in text.split('"$ref": "')[1:]:
            node = document
            for name in part.split('"')[0].removeprefix("#/").split("/"):
                node = node[name]
            assert isinstance(node, dict)
