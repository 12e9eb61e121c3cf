"""`make new-channel`: a folder that lacks nothing but its vendor's recorded shapes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from konstruct_channels.scaffolding import NotScaffolded, names_of, scaffold
from support.cluster import Cluster
from support.new_channel import ROOT, Copy, copy_of_the_tree, write_examples

CONFORMANCE = "tests/channels/test_every_channel_conforms.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The tree after `make new-channel NAME=telegram`."""
    copied = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    said = copied.run("konstruct_channels", "new", "telegram").stdout
    assert str(copied.channels / "telegram") in said
    assert "docs/channels.md" in said
    copied.generate()
    return copied


@pytest.mark.parametrize(
    ("name", "folder", "kind", "block", "title"),
    [
        ("telegram", "telegram", "Telegram", "telegram", "Telegram"),
        ("google-chat", "google_chat", "GoogleChat", "googleChat", "Google Chat"),
        ("sms2", "sms2", "Sms2", "sms2", "Sms2"),
    ],
)
def test_a_name_is_written_in_every_way_that_is_needed(
    name: str, folder: str, kind: str, block: str, title: str
) -> None:
    names = names_of(name)
    assert (names["folder"], names["type"], names["block"], names["title"]) == (
        *(folder, kind, block, title),
    )


@pytest.mark.parametrize(
    "name", ["", "Telegram", "2sms", "a b", "../x", "tele--gram", "-x", "é", "x" * 33, "a\n"]
)
def test_what_is_no_name_writes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotScaffolded, match="google-chat"):
        scaffold(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "telegram").mkdir()
    with pytest.raises(NotScaffolded, match="already"):
        scaffold("telegram", tmp_path)
    assert list((tmp_path / "telegram").iterdir()) == []


@pytest.mark.process
def test_it_fails_the_conformance_suite_for_its_missing_examples_alone(copy: Copy) -> None:
    what = ("pytest", CONFORMANCE, "-q", "-p", "no:cacheprovider", "-k", "telegram or receives")
    bare = copy.run(*what, check=False)
    assert set(re.findall(r"^FAILED \S+::(\S+)", bare.stdout, flags=re.MULTILINE)) == {
        "test_a_folder_is_complete[telegram]",
        "test_every_channel_that_receives_webhooks_has_examples",
    }, bare.stdout
    write_examples(copy.channels / "telegram")
    done = copy.run(*what)
    assert " failed" not in done.stdout
    read = copy.run(
        *("pytest", "tests/channels/test_what_people_read_of_a_channel.py", "-q"),
        *("tests/channels/test_declarations.py", "-p", "no:cacheprovider"),
        *("-m", "not process"),
    )
    assert " failed" not in read.stdout


@pytest.mark.process
def test_its_code_is_as_tidy_as_ours(copy: Copy) -> None:
    folder = str(copy.channels / "telegram")
    mended = ("check", "--fix", "--select", "I", "--no-cache")  # as `make new-channel` does
    for command in (mended, ("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.process
def test_the_kind_gets_its_value_its_block_and_its_rules_from_the_folder(copy: Copy) -> None:
    crd = yaml.safe_load((copy.root / "crds/konstruct.dev_channelconnections.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert "Telegram" in spec["properties"]["type"]["enum"]
    assert "accountId" in spec["properties"]["telegram"]["properties"]
    rules = [one["rule"] for one in spec["x-kubernetes-validations"]]
    assert any("has(self.telegram) == (self.type == 'Telegram')" in one for one in rules)
    words = (copy.root / "crds/konstruct.dev_channelconnections.yaml").read_text()
    assert "x-label" not in words
    assert "x-hidden" not in words


@pytest.mark.cluster
def test_an_api_server_takes_the_kind_with_the_new_channel(copy: Copy, cluster: Cluster) -> None:
    path = copy.root / "crds/konstruct.dev_channelconnections.yaml"
    said = cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", str(path))
    assert "serverside-applied" in said


@pytest.mark.process
def test_wrong_use_says_what_is_right(copy: Copy) -> None:
    wrong = copy.run("konstruct_channels", "new", "Tele Gram", check=False)
    assert wrong.returncode == 2
    assert "google-chat" in wrong.stderr
    again = copy.run("konstruct_channels", "new", "telegram", check=False)
    assert again.returncode == 2
    assert "already" in again.stderr
