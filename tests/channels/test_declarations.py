import json
import subprocess
import sys
from importlib import resources

import pytest

from konstruct_channels.catalogue import load_specs, specs_document
from konstruct_channels.spec import Credentials


def test_every_folder_is_found_and_its_block_names_are_those_of_the_api() -> None:
    specs = load_specs()
    assert {"Slack", "WebChat", "WhatsApp"} <= specs.keys()
    for name, spec in specs.items():
        assert spec.channel_type == name
        assert spec.block == name[0].lower() + name[1:]


def test_whoever_needs_credentials_says_which() -> None:
    assert load_specs()["WebChat"].credentials is Credentials.FORBIDDEN
    for spec in load_specs().values():
        assert bool(spec.secret_keys) is (spec.credentials is Credentials.REQUIRED)


def test_every_field_of_a_block_is_described_and_bounded() -> None:
    for channel in specs_document()["channels"]:
        for name, field in channel["configSchema"]["properties"].items():
            assert field["description"], f"{channel['block']}.{name}"
            bounded = bool({"maxLength", "maxItems", "maximum", "enum"} & field.keys())
            assert bounded, f"{channel['block']}.{name}"


def test_a_schema_refers_to_nothing_outside_itself() -> None:
    assert "$ref" not in json.dumps(specs_document())


def test_a_channel_that_receives_comes_with_its_set_up_its_icon_and_examples() -> None:
    folder = resources.files("konstruct_channels") / "webchat"
    assert (folder / "setup.md").read_text().startswith("# Web chat")
    assert "<svg" in (folder / "icon.svg").read_text()
    assert len([one for one in (folder / "examples").iterdir() if one.name.endswith(".json")]) > 5


@pytest.mark.process
def test_the_command_prints_what_the_crds_are_made_from() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "konstruct_channels", "specs"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(printed.stdout) == specs_document()
    wrong = subprocess.run([sys.executable, "-m", "konstruct_channels"], check=False, stderr=-3)
    assert wrong.returncode == 2
