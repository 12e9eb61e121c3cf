"""An event of the past does not bring a deleted tenant's world back."""

import json
from pathlib import Path

import pytest

from support import declared
from support.campaigns.api_proxy import Spoilt, api_proxy
from support.campaigns.cluster_api import Mirror, api_of, conditions_of, until
from support.campaigns.operators import immortal_operator
from support.cluster import Cluster
from support.far_registry import FarRegistry

pytestmark = [pytest.mark.cluster, pytest.mark.process]


class Echo:
    """Repeats what was said of a Tenant before its deletion once it is deleted.

    With `binding` of the operator's RoleBinding, too: nothing seems to be missing then.
    """

    def __init__(self, name: str, *, binding: bool) -> None:
        self.name, self.place = name, f"team-{name}"
        self.binding = binding
        self.bound = b""
        self.before = b""
        self.echoed = False

    def begins(self, path: str, version: str) -> tuple[str, bytes]:
        return version, b""

    def passes(self, path: str, line: bytes) -> Spoilt:
        event = json.loads(line)
        metadata = event["object"].get("metadata", {})
        if event["object"].get("kind") == "RoleBinding" and metadata.get("namespace") == self.place:
            return self._passes_binding(event["type"], line)
        if event["object"].get("kind") != "Tenant" or metadata.get("name") != self.name:
            return Spoilt(((0.0, line),))
        if event["type"] == "DELETED":
            self.echoed = True
            return Spoilt(((0.0, line), (0.5, self.before)))
        if "deletionTimestamp" not in metadata:
            self.before = line
        return Spoilt(((0.0, line),))

    def _passes_binding(self, kind: str, line: bytes) -> Spoilt:
        if kind == "DELETED":
            return Spoilt(((0.0, line), *([(0.2, self.bound)] if self.binding else [])))
        self.bound = line
        return Spoilt(((0.0, line),))


@pytest.mark.parametrize("binding", [False, True], ids=["alone", "with its RoleBinding"])
async def test_a_deleted_tenant_told_of_again_gets_nothing(
    fenced: Cluster,
    operator_kubeconfig: Path,
    far: FarRegistry,
    tmp_path: Path,
    *,
    binding: bool,
) -> None:
    name = "gone-with-it" if binding else "gone"
    echo = Echo(name, binding=binding)
    async with (
        api_of(fenced) as api,
        Mirror(api) as mirror,
        api_proxy(operator_kubeconfig) as (proxy, proxied),
        immortal_operator(fenced, proxied, far.url, tmp_path) as operator,
    ):
        proxy.view = echo
        await api.apply(declared.namespace(name))
        await api.apply(declared.tenant(name, namespace=echo.place))

        def registered() -> bool:
            tenant = mirror.get("Tenant", name) or {}
            return conditions_of(tenant).get("Registered", {}).get("status") == "True"

        await until(registered, seconds=60, what="a registered tenant")
        made = {address: list(uids) for address, uids in proxy.ledger.made.items()}
        (await api.delete("Tenant", name)).or_fail()
        refused = lambda: "a watch told of the past" in operator.log_file.read_text()  # noqa: E731
        await until(refused, seconds=60, what="a look at the API server")
        assert echo.echoed
        assert far.named(name) is None
        again = {
            address: uids for address, uids in proxy.ledger.made.items() if echo.place in address
        }
        assert again == {address: uids for address, uids in made.items() if echo.place in address}
        await api.delete("Namespace", echo.place)
