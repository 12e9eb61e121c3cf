"""The health script that ships with the chart, run as Argo CD runs it."""

from typing import Any

import pytest
import yaml

from support.argocd import health
from support.helm import CHART, ROOT

SCRIPT = (CHART / "files" / "argocd" / "health.lua").read_text()
KINDS = ("Tenant", "Agent", "ChannelConnection", "AgentTemplate")


def resource(
    *, generation: int = 1, observed: int | None = 1, **conditions: tuple[str, str]
) -> dict[str, Any]:
    status: dict[str, Any] = {
        "conditions": [
            {"type": name, "status": status, "reason": reason, "message": f"About {name}."}
            for name, (status, reason) in conditions.items()
        ]
    }
    if observed is not None:
        status["observedGeneration"] = observed
    return {
        "kind": "Tenant",
        "metadata": {"name": "acme", "generation": generation},
        "status": status,
    }


def test_an_object_without_a_status_is_progressing() -> None:
    assert health(SCRIPT, {"metadata": {"generation": 1}})[0] == "Progressing"


def test_what_nobody_has_looked_at_is_progressing() -> None:
    assert health(SCRIPT, resource(observed=None, Ready=("Unknown", "Pending")))[0] == "Progressing"


def test_a_status_of_an_older_declaration_is_progressing() -> None:
    stale = resource(generation=2, observed=1, Ready=("True", "Ready"))
    assert health(SCRIPT, stale)[0] == "Progressing"


def test_ready_is_healthy_and_says_why() -> None:
    assert health(SCRIPT, resource(Ready=("True", "Ready"))) == ("Healthy", "Ready: About Ready.")


def test_asleep_is_healthy() -> None:
    assert health(SCRIPT, resource(Ready=("True", "Asleep")))[0] == "Healthy"


def test_suspended_is_suspended() -> None:
    assert health(SCRIPT, resource(Ready=("True", "Suspended")))[0] == "Suspended"


def test_stalled_is_degraded_with_the_next_step() -> None:
    stalled = resource(Ready=("False", "SecretNotFound"), Stalled=("True", "SecretNotFound"))
    assert health(SCRIPT, stalled) == ("Degraded", "SecretNotFound: About Stalled.")


def test_not_ready_and_not_stalled_is_progressing() -> None:
    waiting = resource(
        Ready=("False", "PodsNotReady"),
        Reconciling=("True", "PodsNotReady"),
        Stalled=("False", "Settled"),
    )
    assert health(SCRIPT, waiting) == ("Progressing", "PodsNotReady: About Ready.")


@pytest.mark.parametrize("kind", KINDS)
def test_the_ready_made_settings_hold_the_script_for_every_kind(kind: str) -> None:
    settings = yaml.safe_load((ROOT / "manifests/gitops/argocd/argocd-cm.yaml").read_text())
    assert settings["data"][f"resource.customizations.health.konstruct.dev_{kind}"] == SCRIPT
