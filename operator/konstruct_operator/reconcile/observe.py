"""Observe: everything about one tenant, once. Only Secrets, and namespaces of others, are read."""

import asyncio
import base64
import dataclasses
from typing import Any

from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import insist
from konstruct_operator.errors import Forbidden, RetryLater
from konstruct_operator.observed import (
    NamespaceView,
    Observed,
    PodsView,
    SecretKey,
    SecretView,
    WorkToken,
    secret_references,
)
from konstruct_operator.plan import work_token
from konstruct_operator.reconcile.context import Context


async def tenant(context: Context, name: str) -> Observed | None:
    """Return what there is to know about a tenant, None when there is no such Tenant."""
    found = context.declared.tenant(name)
    if found is None:
        return None
    observed = Observed(
        tenant=found,
        now=context.now(),
        seal_keys=context.seal_keys,
        watched_namespaces=context.settings.watch_namespaces,
        missing_seconds=context.settings.missing_seconds,
        public_url=context.settings.public_url,
    )
    place = observed.namespace_name
    context.roster.enter(name, observed.tenant_id, place)
    observed = dataclasses.replace(
        observed,
        namespace=await namespace(context, place),
        demand=context.board.demand_for(observed.tenant_id),
        reports=context.board.reports_on(observed.tenant_id),
        turn=context.fleet.may_move(name),
    )
    if not observed.owns_namespace or found.metadata.deletion_timestamp is not None:
        return observed
    observed = dataclasses.replace(
        observed,
        agents=tuple(
            one for one in context.declared.agents(place) if not one.metadata.deletion_timestamp
        ),
        connections=tuple(
            one
            for one in context.declared.connections(place)
            if not one.metadata.deletion_timestamp
        ),
    )
    return with_pods(context, observed)


def with_pods(context: Context, observed: Observed) -> Observed:
    """Return the observation with the watched children as they are now."""
    children = {
        (kind.kind, child["metadata"]["name"]): child
        for kind in kinds.CHILDREN
        for child in context.watched.of_namespace(kind, observed.namespace_name)
        if child["metadata"]["labels"].get(names.LABEL_TENANT) == observed.name
    }
    return dataclasses.replace(
        observed,
        children=children,
        pods=pods(children.get(("Deployment", names.AGENT_NAME))),
    )


async def namespace(context: Context, name: str) -> NamespaceView | None:
    """Return a namespace, whoever it belongs to."""
    document = context.watched.find(kinds.NAMESPACE, name)
    if document is None:
        document = await context.cluster.find(kinds.NAMESPACE, name)
    if document is None:
        return None
    metadata = document["metadata"]
    created_by = metadata.get("annotations", {}).get(names.ANNOTATION_CREATED)
    return NamespaceView(
        name=name,
        uid=metadata["uid"],
        tenant=metadata.get("labels", {}).get(names.LABEL_TENANT, ""),
        created_by_us=created_by == names.MANAGED_BY,
        terminating="deletionTimestamp" in metadata,
    )


def pods(deployment: dict[str, Any] | None) -> PodsView | None:
    """Return how far a Deployment is."""
    if deployment is None:
        return None
    status = deployment.get("status", {})
    wanted = int(deployment["spec"].get("replicas") or 0)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    updated = int(status.get("updatedReplicas") or 0)
    available = int(status.get("availableReplicas") or 0)
    failing = [
        str(one.get("message", ""))
        for one in status.get("conditions", [])
        if one["type"] == "ReplicaFailure" and one["status"] == "True"
    ]
    done = seen and int(status.get("replicas") or 0) == updated == wanted <= available
    return PodsView(
        wanted=wanted,
        available=available if seen else min(available, updated),
        rolled_out=done,
        message=failing[0] if failing else "",
    )


async def with_secrets(context: Context, observed: Observed) -> Observed:
    """Return the observation with the Secrets read anew, as our RoleBinding allows."""
    place = observed.namespace_name
    uses: dict[str, set[str]] = {}
    for reference in secret_references(observed.tenant, observed.agents, observed.connections):
        uses.setdefault(reference.secret, set()).add(reference.use)
    wanted = [*uses, names.WORK_TOKEN_SECRET]
    read = await asyncio.gather(*(_secret(context, place, name) for name in wanted))
    own = read.pop()
    found: dict[SecretKey, SecretView] = {
        (place, view.name): _meant_for(view, uses[view.name]) for view in read if view is not None
    }
    current = work_token.hash_of(own.data[names.WORK_TOKEN_KEY]) if own is not None else ""
    deployment = observed.children.get(("Deployment", names.AGENT_NAME))
    rolled_out = observed.pods is not None and observed.pods.rolled_out
    return dataclasses.replace(
        observed,
        secrets=found,
        work_token=WorkToken(
            current=current,
            rolled=work_token.rolled(deployment, current, rolled_out=rolled_out),
        ),
    )


async def _secret(context: Context, place: str, name: str) -> SecretView | None:
    try:
        document = await insist(lambda: context.cluster.find(kinds.SECRET, name, namespace=place))
    except Forbidden as error:
        raise RetryLater(f"Our RoleBinding in {place} does not count yet: {error}") from error
    if document is None:
        return None
    metadata = document["metadata"]
    return SecretView(
        name=name,
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        labels=metadata.get("labels", {}),
        data={
            key: base64.b64decode(value).decode("utf-8", "replace")
            for key, value in (document.get("data") or {}).items()
        },
    )


def _meant_for(view: SecretView, uses: set[str]) -> SecretView:
    """Return the view without the data of a Secret that is not labelled for a use of ours."""
    if view.labels.get(names.LABEL_USE) in uses:
        return view
    return dataclasses.replace(view, data={})
