"""No channel's folder knows another's, also those that no contract names yet.

`.importlinter` holds the same for the channels that it lists by name.
"""

import ast
from collections.abc import Iterator
from importlib import resources

import pytest

from konstruct_channels.catalogue import load_specs
from konstruct_channels.spec import ChannelSpec

LIBRARIES = {"aiohttp", "httpx", "requests", "slack_bolt", "slack_sdk", "pywa", "urllib3"}

every_channel = pytest.mark.parametrize(
    "spec", list(load_specs().values()), ids=lambda one: one.folder
)


def imports_of(spec: ChannelSpec) -> Iterator[tuple[str, str]]:
    """Yield (module of the folder, what it imports), wherever in the module that stands."""
    for path in resources.files(f"konstruct_channels.{spec.folder}").iterdir():
        if not path.name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                yield path.name.removesuffix(".py"), node.module or ""
            elif isinstance(node, ast.Import):
                for one in node.names:
                    yield path.name.removesuffix(".py"), one.name


@every_channel
def test_a_folder_imports_no_other_channel(spec: ChannelSpec) -> None:
    others = {one.folder for one in load_specs().values()} - {spec.folder}
    strangers = [
        (module, imported)
        for module, imported in imports_of(spec)
        if imported.startswith("konstruct_channels.") and imported.split(".")[1] in others
    ]
    assert strangers == []


@every_channel
def test_the_inbound_half_and_the_declaration_use_no_network(spec: ChannelSpec) -> None:
    pure = {"spec", "inbound", "format"}
    found = [
        (module, imported)
        for module, imported in imports_of(spec)
        if module in pure and imported.split(".")[0] in LIBRARIES | {"asyncio", "socket"}
    ]
    assert found == []
