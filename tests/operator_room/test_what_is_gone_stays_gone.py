"""An event of the past does not bring a deleted tenant's world back."""

import json
from pathlib import Path

import pytest

from support import declared
from support.campaigns.api_proxy import Spoilt, api_proxy
from support.campaigns.cluster_api import Mirror, api_of, conditions_of, until
from support.campaigns.nursery import nursery
from support.campaigns.operators import immortal_operator
from support.cluster import Cluster
from support.far_registry import FarRegistry

pytestmark = [pytest.mark.cluster, pytest.mark.process]

NAME, PLACE = "gone", "team-gone"


class Echo:
    """Repeats what was said of a Tenant before its deletion once it is deleted."""

    def __init__(self) -> None:
        self.before = b""
        self.echoed = False

    def begins(self, path: str, version: str) -> tuple[str, bytes]:
        return version, b""

    def passes(self, path: str, line: bytes) -> Spoilt:
        event = json.loads(line)
        metadata = event["object"].get("metadata", {})
        if event["object"].get("kind") != "Tenant" or metadata.get("name") != NAME:
            return Spoilt(((0.0, line),))
        if event["type"] == "DELETED":
            self.echoed = True
            return Spoilt(((0.0, line), (0.5, self.before)))
        if "deletionTimestamp" not in metadata:
            self.before = line
        return Spoilt(((0.0, line),))


async def test_a_deleted_tenant_told_of_again_gets_nothing(
    fenced: Cluster, operator_kubeconfig: Path, far: FarRegistry, tmp_path: Path
) -> None:
    echo = Echo()
    async with (
        api_of(fenced) as api,
        Mirror(api) as mirror,
        api_proxy(operator_kubeconfig) as (proxy, proxied),
        nursery() as births,
        immortal_operator(fenced, births, proxied, far.url, tmp_path) as operator,
    ):
        proxy.view = echo
        await api.apply(declared.namespace(NAME))
        await api.apply(declared.tenant(NAME, namespace=PLACE))

        def registered() -> bool:
            tenant = mirror.get("Tenant", NAME) or {}
            return conditions_of(tenant).get("Registered", {}).get("status") == "True"

        await until(registered, seconds=60, what="a registered tenant")
        made = {address: list(uids) for address, uids in proxy.ledger.made.items()}
        (await api.delete("Tenant", NAME)).or_fail()
        refused = lambda: "a watch told of the past" in operator.log_file.read_text()  # noqa: E731
        await until(refused, seconds=60, what="a look at the API server")
        assert echo.echoed
        assert far.named(NAME) is None
        again = {address: uids for address, uids in proxy.ledger.made.items() if PLACE in address}
        assert again == {address: uids for address, uids in made.items() if PLACE in address}
        await api.delete("Namespace", PLACE)
