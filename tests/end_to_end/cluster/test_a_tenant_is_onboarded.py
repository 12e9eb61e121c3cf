"""From a fresh installation to an answered message: samples, portal, chat."""

from pathlib import Path

import httpx
import pytest

from support.portal_site import log_in
from support.release import NAMESPACE, Release
from support.visitor import arriving

pytestmark = pytest.mark.node

SAMPLES = Path(__file__).parents[3] / "manifests/samples"


def test_everything_runs_under_the_restricted_level(release: Release) -> None:
    level = release.cluster.get("namespace", NAMESPACE)["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "restricted"
    running = [one for one in release.pods() if one["status"]["phase"] != "Succeeded"]
    assert len(running) >= 9
    for pod in running:
        ready = {one["type"]: one["status"] for one in pod["status"]["conditions"]}
        assert ready["Ready"] == "True", pod["metadata"]["name"]
    jobs = release.cluster.get("jobs", "-n", NAMESPACE)["items"]
    names = {one["metadata"]["name"].rpartition("-")[0] for one in jobs}
    assert names >= {"konstruct-migrate", "konstruct-first-account"}
    assert all(one["status"].get("succeeded") == 1 for one in jobs)


async def test_applied_samples_are_ready_and_answer(release: Release) -> None:
    release.cluster.kubectl("apply", "-f", SAMPLES)
    try:
        release.wait_ready("acme")
        listed = release.cluster.kubectl("get", "konstruct", "-A")
        assert "False" not in listed
        (pod,) = release.pods("agent", "tenant-acme")
        async with arriving(release.gateway_url, "acme/website") as visitor:
            reply = await visitor.ask("Hello! Who are you?")
        assert reply["agent"] == "Ana"
        assert "demo model" in reply["text"]
        said = release.cluster.kubectl("logs", "-n", "tenant-acme", pod["metadata"]["name"])
        assert "turn" in said
    finally:
        release.cluster.kubectl("delete", "-f", SAMPLES, "--timeout=120s")


async def test_the_first_log_in_opens_the_portal(release: Release) -> None:
    first = release.secret("konstruct-first-login")
    async with httpx.AsyncClient(base_url=release.portal_url, trust_env=False) as browser:
        answer = await log_in(browser, first["email"], first["password"])
        assert answer.status_code == 303, answer.text
        page = await browser.get("/")
    assert page.status_code in {200, 303}
    assert "/login" not in page.headers.get("location", "")
