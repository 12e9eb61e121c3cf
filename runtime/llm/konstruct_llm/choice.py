"""Which deployments may serve a call, in order. Pure.

The agent's declaration comes before the tenant's, the tenant's before the pool's. A caller may
name only a model that one of the two declares: a captured pod must not choose the dearest one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from konstruct_llm.errors import ModelUnknown, TryLater
from konstruct_llm.pool import Pool, PoolModel
from konstruct_llm.provider import Deployment
from konstruct_llm.tenants import ProviderKeys
from konstruct_registry.snapshot import Models

Kind = Literal["Chat", "Embedding"]


def choose(
    pool: Pool, wanted: str, *, agent: Models, tenant: Models, kind: Kind = "Chat"
) -> list[PoolModel]:
    """Return the models to try, best first. Raises ModelUnknown."""
    declared = _declared(agent) | _declared(tenant)
    if wanted in {"", "default"}:
        purpose = "embedding" if kind == "Embedding" else "chat"
        first = (
            agent.by_purpose.get(purpose)
            or (agent.default if kind == "Chat" else "")
            or tenant.by_purpose.get(purpose)
            or (tenant.default if kind == "Chat" else "")
        )
    elif wanted in declared:
        first = wanted
    else:
        default = pool.default(kind)
        if default is None or default.name != wanted:
            raise ModelUnknown(
                f"The model {wanted!r} is not declared by the agent or its tenant;"
                " leave `model` empty for the declared default."
            )
        first = wanted
    head = pool.find(first) if first else pool.default(kind)
    if head is None or head.kind != kind:
        raise ModelUnknown(f"The pool has no {kind} model called {first!r}.")
    names = [head.name, *agent.fallbacks, *tenant.fallbacks, *head.fallbacks]
    found = [pool.find(name) for name in dict.fromkeys(names)]
    return [model for model in found if model is not None and model.kind == kind]


def cheaper(models: Sequence[PoolModel]) -> list[PoolModel]:
    """Return the fallbacks that cost less than the first: what a reached budget may still use."""
    first = models[0]
    price = (first.input_micro_usd, first.output_micro_usd)
    return [
        model
        for model in models[1:]
        if (model.input_micro_usd, model.output_micro_usd) != price
        and model.input_micro_usd <= price[0]
        and model.output_micro_usd <= price[1]
    ]


def deploy(
    models: Iterable[PoolModel],
    *,
    own: ProviderKeys,
    tenant: str,
    environment: Mapping[str, str],
) -> list[Deployment]:
    """Return the models with their keys; those without a key are left out.

    A tenant's own key is used where it has one. Raises TryLater when none is left.
    """
    found: list[Deployment] = []
    for model in models:
        variable = model.api_key_env
        if variable is None:
            found.append(Deployment(model))
        elif variable in own.keys:
            found.append(Deployment(model, api_key=own.keys[variable], owner=tenant))
        elif own.usable and environment.get(variable):
            found.append(Deployment(model, api_key=environment[variable]))
    if not found:
        raise TryLater("None of the declared models has a key that can be used.", retry_after=30.0)
    return found


def _declared(models: Models) -> set[str]:
    return {models.default, *models.fallbacks, *models.by_purpose.values()} - {""}
