"""What the node's tests need of pytest itself."""

import pytest

_KILLS_THE_NODE = "test_a_killed_node_leaves_nothing.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Kill the node before any test of any folder has put a release or an image into it."""
    items.sort(key=lambda item: item.path.name != _KILLS_THE_NODE)
