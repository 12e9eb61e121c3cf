"""What a Tenant needs: to be registered, pods that are available, budget left."""

from collections.abc import Sequence

from konstruct_crds.conditions import Condition, ConditionStatus, ConditionType, find_condition
from konstruct_operator.checks.finding import Finding, Verdict
from konstruct_operator.observed import Observed, RegistrationState, references_of_tenant
from konstruct_registry.wire import RefusalReason, Report

_TAKEN = (
    "The id {id} is in use by another tenant, or its old owner had another name. Remove spec.id to"
    " start anew, or give the Tenant its former name; the gateway says: {message}"
)
_ERASED = (
    "The data of the id {id} was erased, and an erased id is never given again. Create the Tenant"
    " anew without spec.id, or with a new one; the gateway says: {message}"
)


_NOT_REPORTED = frozenset(
    {
        "ChannelNotAvailable",
        "NoBudget",
        "NoCredentialsNeeded",
        "NoKeysOfItsOwn",
        "NotReportedYet",
        "WithinBudget",
    }
)
"""Reasons that the operator itself gives: they end with what they were about, unlike reports."""

_NO_KEYS = "NoKeysOfItsOwn"


def tenant_is_registered(observed: Observed) -> Finding:
    """Tell whether the gateway knows this tenant.

    An outage of the gateway leaves the condition of a published tenant as it was.
    """
    registration = observed.registration
    about = ConditionType.REGISTERED
    if registration.state is RegistrationState.REGISTERED:
        return Finding(about, Verdict.HOLDS, "Registered", "The gateway serves this tenant.")
    if registration.state is RegistrationState.REFUSED:
        return _refused(observed)
    published = find_condition(observed.tenant.status.conditions, about)
    if published is not None and published.status is ConditionStatus.TRUE:
        return Finding(about, Verdict.HOLDS, published.reason, published.message)
    if registration.state is RegistrationState.UNREACHABLE:
        return Finding(
            about,
            Verdict.WAITING,
            "GatewayUnreachable",
            "The gateway does not answer; trying again. See the operator's log.",
        )
    return Finding(about, Verdict.WAITING, "NotYetRegistered", "Waiting for what comes before.")


def _refused(observed: Observed) -> Finding:
    registration, about = observed.registration, ConditionType.REGISTERED
    values = {"id": observed.tenant_id, "message": registration.message}
    if registration.refusal is RefusalReason.TENANT_ID_TAKEN:
        return Finding(about, Verdict.WRONG, "TenantIDTaken", _TAKEN.format(**values))
    if registration.refusal is RefusalReason.TENANT_ID_ERASED:
        return Finding(about, Verdict.WRONG, "TenantIDErased", _ERASED.format(**values))
    return Finding(
        about,
        Verdict.WAITING,
        "RegistrationRefused",
        f"The gateway refused this version; trying again. It says: {registration.message}",
    )


def pods_are_available(observed: Observed) -> Finding:
    """Tell whether the tenant's agent pods run, or are meant not to."""
    about, pods = ConditionType.AVAILABLE, observed.pods
    if observed.problem:
        return Finding(
            about,
            Verdict.MISSING,
            "ChildRefused",
            f"The cluster refuses a part of this tenant; trying again. It says: {observed.problem}",
        )
    if pods is None:
        return Finding(about, Verdict.WAITING, "PodsNotCreated", "The agent is not deployed yet.")
    if observed.suspended:
        return Finding(about, Verdict.HOLDS, "Suspended", "Suspended as declared; no pods run.")
    if pods.wanted == 0:
        return Finding(about, Verdict.HOLDS, "Asleep", "Asleep; a message wakes the agents.")
    if pods.available < pods.wanted:
        text = f"{pods.available} of {pods.wanted} agent pods are available."
        hint = f" {pods.message}" if pods.message else ""
        return Finding(
            about,
            Verdict.WAITING,
            "PodsNotReady",
            f"{text}{hint} See: kubectl describe pods -n {observed.namespace_name}"
            " -l app.kubernetes.io/component=agent",
        )
    return Finding(
        about, Verdict.HOLDS, "PodsReady", f"{pods.available} of {pods.wanted} pods are available."
    )


def budget_is_available(observed: Observed) -> Finding:
    """Tell whether the month's budget allows further answers, as the model service reports it."""
    about = ConditionType.BUDGET_AVAILABLE
    if observed.tenant.spec.budget is None:
        return Finding(about, Verdict.HOLDS, "NoBudget", "No budget is declared.")
    return reported(
        observed,
        observed.tenant.status.conditions,
        kind="Tenant",
        name=observed.name,
        about=about,
        otherwise=Finding(about, Verdict.HOLDS, "WithinBudget", "The month's budget lasts."),
    )


def models_are_ready(observed: Observed) -> Finding:
    """Tell whether the providers take the tenant's own keys, as the model service found out.

    It is no part of Ready: while new keys are refused, the former ones go on working.
    """
    about = ConditionType.MODELS_READY
    if not references_of_tenant(observed.tenant):
        return Finding(about, Verdict.HOLDS, _NO_KEYS, "The installation's keys are used.")
    return reported(
        observed,
        [one for one in observed.tenant.status.conditions if one.reason != _NO_KEYS],
        kind="Tenant",
        name=observed.name,
        about=about,
        otherwise=Finding(
            about,
            Verdict.UNKNOWN,
            "KeysNotTried",
            "The model service has not tried the tenant's own keys yet.",
        ),
    )


def provider_keys_version(observed: Observed) -> str | None:
    """Return which version of the Secret with provider keys is in use, as far as it was told."""
    if not references_of_tenant(observed.tenant):
        return None
    about = str(ConditionType.MODELS_READY)
    spoken = [
        one
        for one in observed.reports
        if (one.tenant_id, one.kind, one.condition) == (observed.tenant_id, "Tenant", about)
    ]
    if spoken and spoken[0].version and spoken[0].digest == observed.registration.digest:
        return spoken[0].version
    return observed.tenant.status.provider_keys_version


def reported(
    observed: Observed,
    conditions: Sequence[Condition],
    *,
    kind: str,
    name: str,
    about: ConditionType,
    otherwise: Finding,
) -> Finding:
    """Return what a program reported about the present state, else what was known, else default."""
    report = _report(observed, kind, name, about)
    if report is not None:
        return Finding(about, _verdict(report.status), report.reason, report.message)
    known = find_condition(conditions, about)
    if known is not None and known.reason not in _NOT_REPORTED:
        return Finding(about, _verdict(str(known.status)), known.reason, known.message)
    return otherwise


def _report(observed: Observed, kind: str, name: str, about: ConditionType) -> Report | None:
    digest = observed.registration.digest
    return next(
        (
            one
            for one in observed.reports
            if (one.kind, one.name, one.condition) == (kind, name, str(about))
            and one.digest == digest
        ),
        None,
    )


def _verdict(status: str) -> Verdict:
    return {"True": Verdict.HOLDS, "False": Verdict.WRONG}.get(status, Verdict.UNKNOWN)
