"""One installed release for all end-to-end tests on a real node."""

import os
from collections.abc import Iterator

import pytest

from support.node import NodeCluster
from support.release import Release, installed

_LAST = ("test_uninstalling", "test_supported_configurations")
"""What comes after everything else, in this order: a cluster takes one release at a time."""


@pytest.fixture(scope="session")
def release(node_cluster: NodeCluster, request: pytest.FixtureRequest) -> Iterator[Release]:
    """The charts, installed with this tree's images.

    With KONSTRUCT_KEEP_RELEASE the images are taken as they are, and the release stays: for whoever
    works on these tests.
    """
    if not os.environ.get("KONSTRUCT_KEEP_RELEASE"):
        request.getfixturevalue("images")
    with installed(node_cluster) as given:
        yield given


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Uninstall after everything else: there is one release for all, then one at a time."""
    items.sort(key=lambda item: _place(item.path.stem))


def _place(module: str) -> int:
    return _LAST.index(module) if module in _LAST else -1
