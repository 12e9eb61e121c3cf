"""New credentials are taken over from the cluster's Secrets without a gap."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from konstruct_channels.slack import signing
from support import declared
from support.demo_talk import assert_nothing_lost_or_doubled, talking
from support.operator_process import eventually
from support.release import Release, place

pytestmark = pytest.mark.node

_CHALLENGE = json.dumps({"type": "url_verification", "token": "x", "challenge": "abc"}).encode()


def test_a_channels_new_credentials_are_in_use_within_moments(release: Release) -> None:
    with release.tenants("keys"):
        here = place("keys")
        team: dict[str, Any] = {
            "type": "Slack",
            "credentialsSecretRef": {"name": "slack"},
            "slack": {"appId": "A0KONSTRUCT", "teamId": "T0ACME"},
        }
        _write(release, "old-signing-secret")
        declared.apply(release.cluster, declared.connection(here, "team", **team))
        eventually(lambda: _takes(release, "old-signing-secret"), what="the first secret")
        assert not _takes(release, "new-signing-secret")
        _write(release, "new-signing-secret")
        eventually(lambda: _takes(release, "new-signing-secret"), what="the new secret")
        eventually(lambda: not _takes(release, "old-signing-secret"), what="the old one's end")


async def test_a_deleted_work_token_is_made_anew_while_people_write(release: Release) -> None:
    with release.tenants("tokens"):
        await asyncio.to_thread(release.wait_ready, "tokens")
        before = release.secret("konstruct-work-token", place("tokens"))
        async with talking(release.gateway_url, "tokens/website") as visitors:
            await asyncio.to_thread(_renew_the_token, release, before)
        assert_nothing_lost_or_doubled(visitors[0])


def _renew_the_token(release: Release, before: dict[str, str]) -> None:
    here = place("tokens")
    (old,) = release.pods("agent", here)
    release.cluster.kubectl("delete", "secret", "konstruct-work-token", "-n", here)

    def renewed() -> bool:
        found = release.cluster.try_kubectl("get", "secret", "konstruct-work-token", "-n", here)
        return found.returncode == 0 and release.secret("konstruct-work-token", here) != before

    eventually(renewed, seconds=60, what="a new work token")

    def moved() -> bool:
        names = [one["metadata"]["name"] for one in release.pods("agent", here)]
        return len(names) == 1 and names[0] != old["metadata"]["name"]

    eventually(moved, seconds=120, what="a pod with the new token")
    release.wait_ready("tokens")


def _write(release: Release, signing_secret: str) -> None:
    content = {"signingSecret": signing_secret, "botToken": "xoxb-genuine"}
    declared.apply(
        release.cluster, declared.secret(place("keys"), "slack", use="channel", **content)
    )


def _takes(release: Release, signing_secret: str) -> bool:
    """Tell whether the connection's webhook takes what was signed with this."""
    address = release.cluster.get("kcc", "team", "-n", place("keys"))["status"]["webhookURL"]
    signed = signing.sign(_CHALLENGE, signing_secret, now=datetime.now(UTC))
    answer = httpx.post(
        f"{release.gateway_url}{urlsplit(address).path}",
        content=_CHALLENGE,
        headers={"content-type": "application/json", **signed},
        trust_env=False,
    )
    return answer.status_code == 200 and "abc" in answer.text
