"""The end of a tenant: children first, then the gateway's word, then the finalizer."""

from typing import Final, Literal
from uuid import UUID

import structlog

from konstruct_crds.conditions import ConditionStatus, ConditionType, find_condition
from konstruct_operator import names
from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import Document
from konstruct_operator.errors import (
    AlreadyThere,
    Forbidden,
    NotFound,
    RegistryRefused,
    RetryLater,
)
from konstruct_operator.observed import Observed
from konstruct_operator.plan import namespace
from konstruct_operator.reconcile.context import Context
from konstruct_registry.wire import RefusalReason

RETRY_SECONDS: Final = 2.0
_OVER: Final = {RefusalReason.TENANT_ID_ERASED, RefusalReason.TENANT_ID_TAKEN}

log = structlog.get_logger(__name__)


async def delete(context: Context, observed: Observed) -> float | None:
    """End a tenant; return when to try again while the gateway does not answer."""
    metadata = observed.tenant.metadata
    if names.FINALIZER not in metadata.finalizers or not await _still_ends(context, observed):
        return None
    await _remove_children(context, observed)
    try:
        await _bury(context, observed)
    except RetryLater as error:
        if not _may_let_go(context, observed):
            log.warning("deletion_waits_for_gateway", tenant=observed.name, error=str(error))
            return RETRY_SECONDS
        await _record_order(context, observed)
    await _let_go(context, observed)
    context.forget(observed.name)
    return None


async def _still_ends(context: Context, observed: Observed) -> bool:
    """Tell whether the Tenant is really there still, waiting for us.

    The watches may tell of the end of the children before that of the Tenant; to begin again then
    would bring our RoleBinding back, and nobody would remove it.
    """
    uid = observed.tenant.metadata.uid
    document = await context.cluster.find(kinds.TENANT, observed.name)
    if document is not None and document["metadata"]["uid"] == uid:
        return names.FINALIZER in document["metadata"].get("finalizers", [])
    context.declared.forget(kinds.TENANT, observed.name, uid=uid)
    return False


async def deliver_orders(context: Context) -> None:
    """Hand over the erase orders that were recorded while the gateway was away."""
    place = context.settings.namespace
    orders, _ = await context.cluster.list(
        kinds.CONFIG_MAP, namespace=place, selector=names.LABEL_ERASE_ORDER
    )
    for order in orders:
        data = order["data"]
        try:
            await context.registry.bury(
                UUID(data["tenantId"]),
                name=data["name"],
                uid=data["uid"],
                on_delete=_on_delete(data["onDelete"]),
            )
        except RegistryRefused as refusal:
            if refusal.reason not in _OVER:
                raise
        name = order["metadata"]["name"]
        await context.cluster.delete(kinds.CONFIG_MAP, name, namespace=place)
        log.info("erase_order_delivered", tenant=data["name"])


async def _remove_children(context: Context, observed: Observed) -> None:
    """Delete what is ours: a namespace we made wholly, in an adopted one our children alone."""
    view = observed.namespace
    if view is None or view.tenant != observed.name or view.terminating:
        return
    if view.created_by_us:
        await context.cluster.delete(kinds.NAMESPACE, view.name, uid=view.uid)
        return
    place = view.name
    await _delete_secret(context, observed)
    binding = names.OPERATOR_BINDING
    for kind in kinds.CHILDREN:
        for child in context.watched.of_namespace(kind, place):
            name = child["metadata"]["name"]
            ours = child["metadata"]["labels"].get(names.LABEL_TENANT) == observed.name
            if ours and not (kind is kinds.ROLE_BINDING and name == binding):
                await context.cluster.delete(kind, name, namespace=place)
                context.watched.forget(kind, name, namespace=place)
    await context.cluster.delete(kinds.ROLE_BINDING, binding, namespace=place)
    context.watched.forget(kinds.ROLE_BINDING, binding, namespace=place)


async def _delete_secret(context: Context, observed: Observed) -> None:
    place = observed.namespace_name
    try:
        await context.cluster.delete(kinds.SECRET, names.WORK_TOKEN_SECRET, namespace=place)
    except Forbidden:
        # Someone took our RoleBinding away, or an earlier attempt ended half-way: look once more.
        await context.cluster.apply(
            kinds.ROLE_BINDING, namespace.operator_binding(observed, context.settings)
        )
        raise RetryLater("Got back into the namespace to clean it up.") from None


async def _bury(context: Context, observed: Observed) -> None:
    """Have the gateway accept the order; nothing is ordered for an id that was never ours."""
    await context.registry.refresh()
    tenant_id, uid = observed.tenant_id, observed.tenant.metadata.uid
    stored = context.registry.known.get(tenant_id)
    if stored is not None and stored.uid != uid:
        return
    if stored is None and not _was_registered(observed):
        return
    try:
        await context.registry.bury(
            tenant_id,
            name=observed.name,
            uid=uid,
            on_delete=observed.tenant.spec.retention.on_delete.value,
        )
    except RegistryRefused as refusal:
        if refusal.reason not in _OVER:
            raise


def _was_registered(observed: Observed) -> bool:
    found = find_condition(observed.tenant.status.conditions, ConditionType.REGISTERED)
    return found is not None and found.status is ConditionStatus.TRUE


def _may_let_go(context: Context, observed: Observed) -> bool:
    metadata = observed.tenant.metadata
    if names.ANNOTATION_FORCE_DELETE in metadata.annotations:
        return True
    since = metadata.deletion_timestamp
    waited = (context.now() - since).total_seconds() if since is not None else 0.0
    return waited >= context.settings.deletion_seconds


async def _record_order(context: Context, observed: Observed) -> None:
    """Write the order down where a later leader finds it."""
    uid = observed.tenant.metadata.uid
    order: Document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{names.ERASE_ORDER_PREFIX}{uid}",
            "namespace": context.settings.namespace,
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_ERASE_ORDER: "pending",
            },
        },
        "data": {
            "tenantId": str(observed.tenant_id),
            "name": observed.name,
            "uid": uid,
            "onDelete": observed.tenant.spec.retention.on_delete.value,
        },
    }
    try:
        await context.cluster.create(kinds.CONFIG_MAP, order)
    except AlreadyThere:
        return
    log.warning("erase_order_recorded", tenant=observed.name)


async def _let_go(context: Context, observed: Observed) -> None:
    document = await context.cluster.find(kinds.TENANT, observed.name)
    if document is None or document["metadata"]["uid"] != observed.tenant.metadata.uid:
        return
    metadata = document["metadata"]
    left = [one for one in metadata.get("finalizers", []) if one != names.FINALIZER]
    patch = {"resourceVersion": metadata["resourceVersion"], "finalizers": left}
    try:
        await context.cluster.merge(kinds.TENANT, observed.name, {"metadata": patch})
    except NotFound:
        return


def _on_delete(text: str) -> Literal["Keep", "Erase"]:
    return "Erase" if text == "Erase" else "Keep"
