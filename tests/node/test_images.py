"""What is in an image, and what is not; each runs under the restricted Pod Security level."""

from collections.abc import Iterator, Mapping

import pytest

from support import pods
from support.node import NodeCluster

pytestmark = pytest.mark.node

_IMAGES = ("operator", "gateway", "llm", "agent", "portal", "postgres")
_SETTINGS = {
    "operator": "registry_url",
    "gateway": "database_url",
    "llm": "database_url",
    "agent": "work_token",
    "portal": "KONSTRUCT_DATABASE_URL",
    "postgres": "POSTGRES_PASSWORD",
}
_TOOLS = "pip pip3 uv gcc cc c++ ld make git curl wget"
_PACKAGES = ("pip", "uv", "setuptools", "hatchling", "ensurepip", "litellm")
_ANY_PACKAGE = " -o ".join(f"-name {one}" for one in _PACKAGES)
_INSPECT = f"""
echo "user $(id -u):$(id -g)"
touch /usr/written 2>/dev/null && echo "written /usr/written"
for tool in {_TOOLS}; do command -v $tool >/dev/null && echo "tool $tool"; done
find / -xdev -type d \\( {_ANY_PACKAGE} \\) -printf 'package %f\\n' 2>/dev/null
env | grep -E '^(PIP|UV|SSL)_' | sed 's/^/setting /'
exit 0
"""


@pytest.fixture(scope="module")
def ended(node_cluster: NodeCluster, images: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The namespace in which every image ran twice: to be inspected, and without any setting."""
    with node_cluster.namespace("images") as namespace:
        for name, image in images.items():
            look = pods.pod(f"{name}-inside", image, command=("sh", "-c", _INSPECT))
            bare = pods.pod(f"{name}-bare", image)
            pods.apply(node_cluster, namespace, look, bare)
        yield {"namespace": namespace}


@pytest.mark.parametrize("name", _IMAGES)
def test_an_image_holds_nothing_that_installs_or_compiles(
    node_cluster: NodeCluster, ended: Mapping[str, str], name: str
) -> None:
    code, said = pods.wait_ended(node_cluster, ended["namespace"], f"{name}-inside")
    assert code == 0
    lines = set(said.splitlines())
    expected = {"user 65532:65532"} | ({"package litellm"} if name == "llm" else set())
    assert lines == expected


@pytest.mark.parametrize("name", _IMAGES)
def test_a_missing_setting_is_named(
    node_cluster: NodeCluster, ended: Mapping[str, str], name: str
) -> None:
    code, said = pods.wait_ended(node_cluster, ended["namespace"], f"{name}-bare")
    assert code == 2
    assert _SETTINGS[name] in said
    assert "Traceback" not in said
