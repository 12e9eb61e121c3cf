"""Checks and conditions: who is told what, when something missing turns into Stalled."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nacl.public import PrivateKey

from konstruct_crds.agent import Agent
from konstruct_crds.conditions import Condition
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.tenant import Tenant
from konstruct_messages import identity
from konstruct_operator import checks, names
from konstruct_operator.observed import (
    NamespaceView,
    Observed,
    PodsView,
    Registration,
    RegistrationState,
    SealKeys,
    SecretView,
)
from konstruct_operator.plan.registry import tenant_snapshot
from konstruct_operator.reconcile.report import changed_aside
from konstruct_registry.wire import RefusalReason, Report

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLACE = "team-acme"


def observed(*, spec: dict[str, Any] | None = None, **over: Any) -> Observed:
    tenant = {
        "metadata": {"name": "acme", "uid": "00000000-0000-4000-8000-000000000001"},
        "spec": {"displayName": "Acme", "namespace": PLACE} | (spec or {}),
    }
    values: dict[str, Any] = {
        "tenant": Tenant.model_validate(tenant),
        "now": NOW,
        "namespace": NamespaceView(PLACE, tenant="acme"),
        "pods": PodsView(wanted=1, available=1),
        "registration": Registration(RegistrationState.REGISTERED, "digest"),
        "agents": (agent(),),
    }
    return Observed(**(values | over))


def agent(name: str = "ana", **spec: Any) -> Agent:
    return Agent.model_validate(
        {
            "metadata": {"name": name, "namespace": PLACE},
            "spec": {"displayName": name.title(), **spec},
        }
    )


def connection(**spec: Any) -> ChannelConnection:
    whole = {"type": "WebChat", "webChat": {}, "agentRef": {"name": "ana"}} | spec
    return ChannelConnection.model_validate(
        {"metadata": {"name": "website", "namespace": PLACE}, "spec": whole}
    )


def by_type(conditions: tuple[Condition, ...]) -> dict[str, Condition]:
    return {str(one.type): one for one in conditions}


def later(look: Observed, conditions: tuple[Condition, ...], seconds: float) -> Observed:
    status = look.tenant.status.model_copy(update={"conditions": conditions})
    tenant = look.tenant.model_copy(update={"status": status})
    return dataclasses.replace(look, tenant=tenant, now=NOW + timedelta(seconds=seconds))


def test_when_all_is_well_only_good_conditions_hold() -> None:
    found = by_type(checks.tenant_conditions(observed()))
    assert {name for name, one in found.items() if one.status == "True"} == set(found) - {
        "Reconciling",
        "Stalled",
    }


def test_something_missing_is_awaited_for_two_minutes_and_then_stalls() -> None:
    look = observed(namespace=None)
    first = checks.tenant_conditions(look)
    assert by_type(first)["Reconciling"].status == "True"
    assert checks.recheck_after(first, NOW) == pytest.approx(121)
    soon = checks.tenant_conditions(later(look, first, 119))
    assert by_type(soon)["Reconciling"].status == "True"
    late = by_type(checks.tenant_conditions(later(look, soon, 121)))
    assert (late["Stalled"].status, late["Reconciling"].status) == ("True", "False")
    assert late["NamespaceReady"].last_transition_time == NOW


def test_something_wrong_stalls_at_once() -> None:
    look = observed(namespace=NamespaceView(PLACE, tenant="other"))
    found = by_type(checks.tenant_conditions(look))
    assert found["Stalled"].status == "True"
    assert found["Ready"].reason == "NamespaceForeign"


def test_the_same_look_twice_changes_nothing() -> None:
    look = observed(pods=PodsView(wanted=1, available=0))
    first = checks.tenant_conditions(look)
    assert checks.tenant_conditions(later(look, first, 3600)) == first


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"spec": {"operatingMode": "Suspended"}, "pods": PodsView(0, 0)}, "Suspended"),
        ({"spec": {"runtime": {"minReplicas": 0}}, "pods": PodsView(0, 0)}, "Asleep"),
    ],
)
def test_suspended_and_asleep_are_ready_with_that_reason(over: dict[str, Any], reason: str) -> None:
    found = by_type(checks.tenant_conditions(observed(**over)))
    assert (found["Ready"].status, found["Ready"].reason) == ("True", reason)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (RefusalReason.TENANT_ID_TAKEN, "TenantIDTaken"),
        (RefusalReason.TENANT_ID_ERASED, "TenantIDErased"),
    ],
)
def test_a_refused_id_stalls_with_its_reason(refusal: RefusalReason, reason: str) -> None:
    registration = Registration(RegistrationState.REFUSED, "", refusal, "No.")
    found = by_type(checks.tenant_conditions(observed(registration=registration)))
    assert (found["Registered"].reason, found["Stalled"].status) == (reason, "True")


def test_an_unreachable_gateway_leaves_a_published_tenant_as_it_was() -> None:
    published = checks.tenant_conditions(observed())
    away = Registration(RegistrationState.UNREACHABLE, "digest", None, "down")
    look = later(observed(registration=away), published, 60)
    assert checks.tenant_conditions(look) == published


@pytest.mark.parametrize(
    "rule", ["message contains 'refund", "(turns > 10", "turns > 10)", 'text == "x']
)
def test_an_unbalanced_escalation_rule_is_not_accepted(rule: str) -> None:
    escalation = {"name": "refund", "when": rule, "to": {"type": "Agent", "target": "bia"}}
    wrong = agent(escalation=[escalation])
    found = by_type(checks.agent_conditions(observed(agents=(wrong,)), wrong))
    assert found["Accepted"].reason == "EscalationRuleInvalid"
    assert ("Agent", "ana") in checks.refused(observed(agents=(wrong,)))


def test_a_refused_agent_and_its_connection_stay_out_of_the_registry() -> None:
    wrong = agent(escalation=[{"name": "r", "when": "(", "to": {"type": "Agent", "target": "b"}}])
    look = observed(agents=(wrong, agent("bia")), connections=(connection(),))
    snapshot = tenant_snapshot(look, refused=checks.refused(look))
    assert [one.name for one in snapshot.agents] == ["bia"]
    assert snapshot.connections == ()


def test_a_report_counts_only_for_the_state_it_belongs_to() -> None:
    report = Report(
        tenant_id=observed().tenant_id,
        digest="another",
        kind="Tenant",
        name="acme",
        condition="BudgetAvailable",
        status="False",
        reason="BudgetExhausted",
        message="Spent.",
    )
    spec = {"budget": {"monthlyMicroUSD": 1}}
    old = by_type(checks.tenant_conditions(observed(spec=spec, reports=(report,))))
    assert old["BudgetAvailable"].status == "True"
    current = report.model_copy(update={"digest": "digest"})
    new = by_type(checks.tenant_conditions(observed(spec=spec, reports=(current,))))
    assert new["BudgetAvailable"].reason == "BudgetExhausted"
    assert new["Ready"].status == "True"


def test_the_digest_is_the_same_for_the_same_secret_sealed_twice_and_changes_with_its_version() -> (
    None
):
    keys = SealKeys(PrivateKey.generate().public_key, PrivateKey.generate().public_key)
    spec = {"models": {"providerKeysSecretRef": {"name": "keys"}}}

    def look(version: str) -> Observed:
        view = SecretView("keys", "uid", version, {names.LABEL_USE: "models"}, {"k": "sk-abcdefgh"})
        return observed(spec=spec, seal_keys=keys, secrets={(PLACE, "keys"): view})

    first, second = tenant_snapshot(look("1")), tenant_snapshot(look("1"))
    assert first.secrets[0].ciphertext != second.secrets[0].ciphertext
    assert first.digest() == second.digest() == tenant_snapshot(look("1"), sealed=False).digest()
    assert tenant_snapshot(look("2")).digest() != first.digest()
    assert first.secrets[0].last_four == "efgh"


def test_an_unlabelled_secret_is_never_sealed() -> None:
    keys = SealKeys(PrivateKey.generate().public_key, PrivateKey.generate().public_key)
    view = SecretView("keys", "uid", "1", {}, {"k": "sk-abcdefgh"})
    look = observed(
        spec={"models": {"providerKeysSecretRef": {"name": "keys"}}},
        seal_keys=keys,
        secrets={(PLACE, "keys"): view},
    )
    assert tenant_snapshot(look).secrets == ()
    found = by_type(checks.tenant_conditions(look))
    assert found["SecretsReady"].reason == "SecretNotLabelled"
    assert "kubectl label secret keys -n team-acme konstruct.dev/use=models" in (
        found["SecretsReady"].message
    )


def test_ids_are_those_that_the_message_path_derives() -> None:
    tenant_id = identity.TenantId(observed().tenant_id)
    assert names.agent_id(tenant_id, "ana") == identity.agent_id(tenant_id, "ana")
    assert names.connection_id(tenant_id, "site") == identity.connection_id(tenant_id, "site")


def test_refused_keys_are_told_and_take_nothing_from_ready() -> None:
    without = checks.tenant_conditions(observed())
    assert by_type(without)["ModelsReady"].reason == "NoKeysOfItsOwn"
    report = Report(
        tenant_id=observed().tenant_id,
        digest="digest",
        kind="Tenant",
        name="acme",
        condition="ModelsReady",
        status="False",
        reason="NewKeysRefused",
        message="The provider refuses the new OPENAI_API_KEY; the former goes on working.",
        version="uid/1",
    )
    spec = {"models": {"providerKeysSecretRef": {"name": "keys"}}}
    view = SecretView("keys", "uid", "2", {names.LABEL_USE: "models"}, {"k": "sk-abcdefgh"})
    known = {(PLACE, "keys"): view}
    named = observed(spec=spec, secrets=known)
    waiting = by_type(checks.tenant_conditions(later(named, without, 5)))
    assert (waiting["ModelsReady"].status, waiting["ModelsReady"].reason) == (
        "Unknown",
        "KeysNotTried",
    )
    assert checks.provider_keys_version(named) is None
    told = observed(spec=spec, secrets=known, reports=(report,))
    found = by_type(checks.tenant_conditions(told))
    assert found["ModelsReady"].reason == "NewKeysRefused"
    assert found["Ready"].status == "True"
    assert checks.provider_keys_version(told) == "uid/1"


def test_a_budget_that_was_taken_away_and_comes_back_lasts_again() -> None:
    without = checks.tenant_conditions(observed())
    assert by_type(without)["BudgetAvailable"].reason == "NoBudget"
    look = observed(spec={"budget": {"monthlyMicroUSD": 5}})
    again = by_type(checks.tenant_conditions(later(look, without, 5)))
    assert again["BudgetAvailable"].reason == "WithinBudget"


def test_a_channel_that_is_served_since_the_upgrade_waits_for_the_gateways_word() -> None:
    reference = {"credentialsSecretRef": {"name": "slack"}}
    slack = connection(type="Slack", webChat=None, slack={"appId": "A1"}, **reference)
    before = checks.connection_conditions(observed(served_channels=frozenset()), slack)
    assert by_type(before)["Authenticated"].reason == "ChannelNotAvailable"
    status = slack.status.model_copy(update={"conditions": before})
    upgraded = observed(served_channels=frozenset({"Slack"}))
    found = checks.connection_conditions(upgraded, slack.model_copy(update={"status": status}))
    assert by_type(found)["Authenticated"].reason == "NotReportedYet"
    assert by_type(found)["Receiving"].reason == "NotReportedYet"


def checked(status: str, reason: str, message: str = "") -> tuple[Condition, ...]:
    """The conditions of a Slack connection of which the gateway reports this."""
    report = Report(
        tenant_id=observed().tenant_id,
        digest="digest",
        kind="ChannelConnection",
        name="website",
        condition="ChecksPassed",
        status=status,
        reason=reason,
        message=message,
    )
    return checks.connection_conditions(observed(reports=(report,)), connection())


def test_what_the_gateway_looks_at_is_a_condition_that_ready_does_not_depend_on() -> None:
    before = by_type(checks.connection_conditions(observed(), connection()))
    assert before["ChecksPassed"].status == "Unknown"
    after = by_type(checked("False", "WidgetFailed", "widget: nobody answers."))
    assert (after["ChecksPassed"].reason, after["Ready"].status) == ("WidgetFailed", "True")
    assert after["Stalled"].status == "False"


def test_an_event_tells_once_what_fails_and_once_that_it_is_mended() -> None:
    unknown = checks.connection_conditions(observed(), connection())
    widget, keys = checked("False", "WidgetFailed"), checked("False", "KeysFailed")
    good, open_ = checked("True", "EveryCheckPassed"), checked("Unknown", "KeysUnknown")
    told = {
        "nothing": (unknown, good),
        "it fails": (good, widget),
        "it goes on failing": (widget, widget),
        "another thing fails": (widget, keys),
        "nobody can tell": (keys, open_),
        "it is mended": (keys, good),
    }
    reasons = {
        what: [one.reason for one in changed_aside(before, after)]
        for what, (before, after) in told.items()
    }
    assert reasons == {
        "nothing": [],
        "it fails": ["WidgetFailed"],
        "it goes on failing": [],
        "another thing fails": ["KeysFailed"],
        "nobody can tell": [],
        "it is mended": ["EveryCheckPassed"],
    }


def test_what_ready_says_already_is_no_second_event() -> None:
    fax = connection(type="Slack", webChat=None, slack={"appId": "A1"})
    before = checks.connection_conditions(observed(), connection())
    after = checks.connection_conditions(observed(served_channels=frozenset()), fax)
    assert by_type(after)["Receiving"].reason == by_type(after)["Ready"].reason
    assert changed_aside(before, after) == []
