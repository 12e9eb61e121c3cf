"""Whether the Secrets that objects name are there and meant for this use."""

from collections.abc import Sequence

from konstruct_crds.conditions import ConditionType
from konstruct_operator import names
from konstruct_operator.checks.finding import Finding, Verdict
from konstruct_operator.observed import Observed, SecretReference


def secrets_are_ready(observed: Observed, references: Sequence[SecretReference]) -> Finding:
    """Tell whether every referenced Secret exists, is labelled for its use, and has content."""
    if not references:
        return _finding(Verdict.HOLDS, "NoSecretsNeeded", "No Secret is referred to.")
    for reference in references:
        finding = _secret_is_ready(observed, reference)
        if finding is not None:
            return finding
    return _finding(Verdict.HOLDS, "SecretsReady", "Every Secret referred to is there.")


def _secret_is_ready(observed: Observed, reference: SecretReference) -> Finding | None:
    namespace, name = observed.namespace_name, reference.secret
    where = f" (tool {reference.tool})" if reference.tool else ""
    secret = observed.secret(name)
    label = f"kubectl label secret {name} -n {namespace} {names.LABEL_USE}={reference.use}"
    if secret is None:
        return _finding(
            Verdict.MISSING,
            "SecretNotFound",
            f"The Secret {name}{where} does not exist in the namespace {namespace}. Create it and"
            f" label it for its use: kubectl create secret generic {name} -n {namespace}"
            f" --from-literal=KEY=VALUE && {label}",
        )
    if secret.labels.get(names.LABEL_USE) != reference.use:
        return _finding(
            Verdict.WRONG,
            "SecretNotLabelled",
            f"The Secret {name}{where} is not labelled for this use, so it is not read. If it is"
            f" meant to be used here: {label} --overwrite",
        )
    if not secret.data:
        return _finding(
            Verdict.WRONG,
            "SecretEmpty",
            f"The Secret {name}{where} in the namespace {namespace} has no data.",
        )
    return None


def _finding(verdict: Verdict, reason: str, message: str) -> Finding:
    return Finding(ConditionType.SECRETS_READY, verdict, reason, message)
