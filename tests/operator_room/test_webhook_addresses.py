"""Only who has an address of its own at a vendor is shown one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from konstruct_crds.connection import ChannelConnection
from konstruct_operator.checks import webhook_url
from konstruct_operator.observed import Observed

OBSERVED = cast("Observed", SimpleNamespace(name="acme", public_url="https://k.example/"))


@pytest.mark.parametrize(
    ("block", "address"),
    [
        ({}, "https://k.example/hooks/slack/acme/team"),
        ({"install": "Own", "transport": "HTTP"}, "https://k.example/hooks/slack/acme/team"),
        ({"install": "Shared"}, None),
        ({"transport": "SocketMode"}, None),
    ],
)
def test_slack_calls_the_address_of_an_own_app_over_http_alone(
    block: dict[str, Any], address: str | None
) -> None:
    connection = ChannelConnection.model_validate(
        {
            "metadata": {"name": "team"},
            "spec": {
                "type": "Slack",
                "slack": {"appId": "A0123", "teamId": "T0123", **block},
                "credentialsSecretRef": {"name": "slack"},
                "agentRef": {"name": "ana"},
            },
        }
    )
    assert webhook_url(OBSERVED, connection) == address
