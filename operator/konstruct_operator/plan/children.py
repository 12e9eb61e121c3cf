"""All children of a tenant, in the order in which they are made."""

from konstruct_operator.observed import Document, Observed
from konstruct_operator.plan import deployment, namespace, network
from konstruct_operator.settings import OperatorSettings


def before_registration(observed: Observed, settings: OperatorSettings) -> tuple[Document, ...]:
    """Return what does not need the gateway: the fences first, so that no pod runs without them."""
    budget = deployment.disruption_budget(observed)
    return (
        *network.policies(observed, settings),
        deployment.service_account(observed),
        *((budget,) if budget is not None else ()),
    )


def after_registration(observed: Observed, settings: OperatorSettings) -> tuple[Document, ...]:
    """Return what may only exist once the gateway accepts the tenant's work token."""
    return (deployment.deployment(observed, settings),)


def planned(observed: Observed, settings: OperatorSettings) -> tuple[Document, ...]:
    """Return all children that are applied; the work token's Secret is created, never applied."""
    return (
        namespace.operator_binding(observed, settings),
        *before_registration(observed, settings),
        *after_registration(observed, settings),
    )
