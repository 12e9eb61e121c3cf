"""A pod needs its service account and nothing else, and takes the token that counts now."""

import shutil
import sys
from pathlib import Path

import certifi
import pytest

from konstruct_operator.cluster.access import access
from konstruct_operator.errors import ConfigurationWrong
from support.operator_process import ROOT


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    shutil.copy(certifi.where(), tmp_path / "ca.crt")
    return tmp_path


def environment(host: str = "10.96.0.1") -> dict[str, str]:
    return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.mark.parametrize(
    ("host", "url"),
    [("10.96.0.1", "https://10.96.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")],
)
async def test_a_pod_asks_its_clusters_own_service(account: Path, host: str, url: str) -> None:
    way = await access(environment(host), folder=account)
    assert (way.url, way.base_path) == (url, "")


async def test_a_pods_way_leads_through_no_proxy(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert (await access(environment(), folder=account)).proxy is None


async def test_a_renewed_token_is_taken_after_a_minute(account: Path) -> None:
    now = 100.0
    way = await access(environment(), folder=account, clock=lambda: now)
    assert await way.authorization() == "Bearer first"
    (account / "token").write_text("second")
    assert await way.authorization() == "Bearer first"
    now += 60
    assert await way.authorization() == "Bearer second"


async def test_a_service_account_without_its_authority_is_explained(account: Path) -> None:
    (account / "ca.crt").unlink()
    with pytest.raises(ConfigurationWrong, match=r"no readable ca\.crt"):
        await access(environment(), folder=account)


async def test_nowhere_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong, match="set KUBECONFIG"):
        await access({"KUBECONFIG": str(tmp_path / "none")}, folder=tmp_path)


async def test_an_image_without_the_kubernetes_client_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes.aio", None)
    with pytest.raises(ConfigurationWrong, match=r"install konstruct-operator\[kubeconfig\]"):
        await access({}, folder=tmp_path)


def test_an_image_has_no_kubernetes_client() -> None:
    locked = (ROOT / "requirements" / "operator.txt").read_text()
    assert "\nkopf==" in locked
    assert "\nkubernetes==" not in locked
