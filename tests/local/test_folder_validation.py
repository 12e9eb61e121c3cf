"""A folder of YAML is judged file by file, and a refusal says where and why."""

from pathlib import Path

import pytest

from konstruct_local.folder_disk import read_folder
from konstruct_local.folder_state import FolderState, advance
from support.folders import AGENT, CONNECTION, TENANT, document, write_samples


def test_a_valid_folder_is_accepted(tmp_path: Path) -> None:
    write_samples(tmp_path)
    state = _state(tmp_path)
    assert state.faults == []
    assert [one.key for one in state.of_kind("Agent")] == [("Agent", "tenant-acme", "ana")]


def test_a_broken_rule_is_refused_with_file_line_and_reason(tmp_path: Path) -> None:
    write_samples(tmp_path)
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT.replace("displayName: Ana", "displayName: 7"))
    (fault,) = _state(tmp_path).faults
    assert fault.file == str(file)
    assert fault.line == AGENT[: AGENT.index("displayName")].count("\n") + 1
    assert fault.field == "spec.displayName"
    assert fault.reason


def test_lines_count_within_a_file_of_many_documents(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    text = f"# A tenant.\n{TENANT}---\n{AGENT}---\n" + CONNECTION.replace(
        "type: WebChat", "type: Fax"
    )
    file.write_text(text)
    faults = _state(tmp_path).faults
    line = text[: text.index("type: Fax")].count("\n") + 1
    assert line in {fault.line for fault in faults}
    assert {fault.file for fault in faults} == {str(file)}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("apiVersion: v1\nkind: [\n", 3, "parsing"),
        ("a: 1\nb: 2\na: 3\n", 3, "duplicate key"),
        ("- one\n- two\n", 1, "object"),
        ("\n\nmetadata: {name: x}\n", 3, "apiVersion and kind"),
        ("apiVersion: konstruct.dev/v2\nkind: Agent\n", 1, "konstruct.dev/v1alpha1"),
        ("apiVersion: konstruct.dev/v1alpha1\nkind: Robot\n", 2, "no kind Robot"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: '***'\n", 5, "base64"),
        ("apiVersion: v1\nkind: Namespace\n", 1, "name is needed"),
    ],
)
def test_what_cannot_be_read_says_on_which_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    (tmp_path / "file.yaml").write_text(text)
    fault = _state(tmp_path).faults[0]
    assert (fault.line, words in fault.reason) == (line, True), fault


def test_two_objects_of_one_name_are_refused_where_the_second_stands(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "zebra.yaml").write_text(f"# Again.\n{AGENT}")
    (fault,) = _state(tmp_path).faults
    assert fault.file.endswith("zebra.yaml")
    assert "agent.yaml:" in fault.reason


def test_other_kinds_hidden_files_and_the_model_pool_are_left_alone(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    )
    (tmp_path / "models.yaml").write_text("models: []\n")
    (tmp_path / ".hidden.yaml").write_text("kind: [")
    (tmp_path / "notes.txt").write_text("kind: [")
    state = _state(tmp_path)
    assert state.faults == []
    assert not any("models.yaml" in name for name in state.files)


def test_a_moved_object_is_no_duplicate(tmp_path: Path) -> None:
    write_samples(tmp_path)
    before = _state(tmp_path)
    (tmp_path / "agent.yaml").rename(tmp_path / "moved.yaml")
    after = advance(before, read_folder(tmp_path)[0])
    assert after.faults == []
    assert after.documents["Agent", "tenant-acme", "ana"].file.endswith("moved.yaml")


def test_an_invalid_edit_leaves_the_state_before_it(tmp_path: Path) -> None:
    write_samples(tmp_path)
    before = _state(tmp_path)
    (tmp_path / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "displayName: 7"))
    (tmp_path / "tenant.yaml").write_text(TENANT.replace("Acme", "Acme Tools"))
    after = advance(before, read_folder(tmp_path)[0])
    assert len(after.faults) == 1
    assert document(after, "Agent", "ana")["spec"]["displayName"] == "Ana"
    assert document(after, "Tenant", "acme")["spec"]["displayName"] == "Acme Tools"


def test_a_mended_edit_is_accepted_and_nothing_is_refused_any_more(tmp_path: Path) -> None:
    write_samples(tmp_path)
    state = _state(tmp_path)
    for name in ("displayName: 7", "displayName: Ada"):
        (tmp_path / "agent.yaml").write_text(AGENT.replace("displayName: Ana", name))
        state = advance(state, read_folder(tmp_path)[0])
    assert state.faults == []
    assert document(state, "Agent", "ana")["spec"]["displayName"] == "Ada"


def test_a_frozen_field_stays_frozen_while_konstruct_runs(tmp_path: Path) -> None:
    write_samples(tmp_path)
    before = _state(tmp_path)
    (tmp_path / "tenant.yaml").write_text(TENANT.replace("tenant-acme", "tenant-other"))
    after = advance(before, read_folder(tmp_path)[0])
    assert [fault.file for fault in after.faults] == [str(tmp_path / "tenant.yaml")]
    assert document(after, "Tenant", "acme")["spec"]["namespace"] == "tenant-acme"


def test_an_object_goes_with_its_file(tmp_path: Path) -> None:
    write_samples(tmp_path)
    before = _state(tmp_path)
    (tmp_path / "connection.yaml").unlink()
    after = advance(before, read_folder(tmp_path)[0])
    assert after.of_kind("ChannelConnection") == []
    assert len(after.documents) == len(before.documents) - 1


def test_words_that_kubectl_reads_as_truth_values_are_not_text(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "displayName: yes"))
    assert [fault.field for fault in _state(tmp_path).faults] == ["spec.displayName"]
    (tmp_path / "agent.yaml").write_text(AGENT.replace("displayName: Ana", 'displayName: "yes"'))
    assert _state(tmp_path).faults == []


def _state(folder: Path) -> FolderState:
    texts, faults = read_folder(folder)
    assert faults == []
    return advance(FolderState(), texts)
