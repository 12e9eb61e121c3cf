"""Whether the tenant has its namespace."""

from konstruct_crds.conditions import ConditionType
from konstruct_operator import names
from konstruct_operator.checks.finding import Finding, Verdict
from konstruct_operator.observed import Observed


def namespace_is_ready(observed: Observed) -> Finding:  # noqa: PLR0911 - one for each state
    """Tell whether the namespace exists, belongs to the tenant, and stays."""
    name, view = observed.namespace_name, observed.namespace
    declared = bool(observed.tenant.spec.namespace)
    label = f"kubectl label namespace {name} {names.LABEL_TENANT}={observed.name}"
    if observed.watched_namespaces and name not in observed.watched_namespaces:
        return _finding(
            Verdict.WRONG,
            "NamespaceNotWatched",
            f"This operator serves only {', '.join(observed.watched_namespaces)}: set"
            " spec.namespace to one of them, or add the namespace to watchNamespaces.",
        )
    if view is None and (declared or observed.watched_namespaces):
        return _finding(
            Verdict.MISSING,
            "NamespaceNotFound",
            f"The namespace {name} does not exist. Create it and give it to the tenant:"
            f" kubectl create namespace {name} && {label}",
        )
    if view is None:
        return _finding(Verdict.WAITING, "NamespaceCreating", f"Creating the namespace {name}.")
    if view.tenant and view.tenant != observed.name:
        return _finding(
            Verdict.WRONG,
            "NamespaceForeign",
            f"The namespace {name} belongs to the tenant {view.tenant} (label"
            f" {names.LABEL_TENANT}). Choose another one with spec.namespace.",
        )
    if not view.tenant:
        return _unlabelled(name, label, declared=declared)
    if view.terminating:
        return _finding(
            Verdict.WAITING,
            "NamespaceTerminating",
            f"The namespace {name} is being deleted; waiting until it is gone.",
        )
    return _finding(Verdict.HOLDS, "NamespaceReady", f"The namespace is {name}.")


def _unlabelled(name: str, label: str, *, declared: bool) -> Finding:
    if declared:
        return _finding(
            Verdict.MISSING,
            "NamespaceNotLabelled",
            f"The namespace {name} exists but was not given to this tenant. To give it: {label}",
        )
    return _finding(
        Verdict.WRONG,
        "NamespaceForeign",
        f"The namespace {name} exists and is not this tenant's. Create the Tenant anew with"
        f" another spec.namespace, or give it this one: {label}",
    )


def _finding(verdict: Verdict, reason: str, message: str) -> Finding:
    return Finding(ConditionType.NAMESPACE_READY, verdict, reason, message)
