"""Apply: make the cluster and the gateway what the plan says, writing only what differs."""

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

import structlog

from konstruct_operator import checks, names
from konstruct_operator.cluster import kinds
from konstruct_operator.cluster.client import insist
from konstruct_operator.errors import AlreadyThere, RegistryRefused, RetryLater
from konstruct_operator.observed import Document, Observed, Registration, RegistrationState
from konstruct_operator.plan import children, deployment, namespace, work_token
from konstruct_operator.plan.comparison import differs
from konstruct_operator.plan.registry import tenant_snapshot
from konstruct_operator.reconcile.context import Context
from konstruct_registry.wire import RefusalReason

log = structlog.get_logger(__name__)


async def foundation(context: Context, observed: Observed, *, proven: bool = False) -> bool:
    """Make the namespace and our way into it; tell whether anything had to be made.

    Unless it is `proven` that the Tenant is there, the API server is asked before: a watch that
    tells of the past again would have us make the world of a tenant that nobody ends any more.
    """
    anew = observed.namespace is None  # whatever the cache has of it was in another one
    needed = [one for one in _foundation(context, observed) if anew or _is_needed(context, one)]
    if not needed:
        return False
    if not proven:
        await prove(context, observed)
    for document in needed:
        await _apply(context, document)
    return True


async def prove(context: Context, observed: Observed) -> None:
    """Return if the Tenant is there and stays. Raises RetryLater if what we know of it is old."""
    document = await context.cluster.find(kinds.TENANT, observed.name)
    uid = observed.tenant.metadata.uid
    if document is None or document["metadata"]["uid"] != uid:
        context.declared.forget(kinds.TENANT, observed.name, uid=uid)
        raise RetryLater("The Tenant is gone; a watch told of the past.")
    if "deletionTimestamp" in document["metadata"]:
        context.declared.hear("MODIFIED", document)
        raise RetryLater("The Tenant is being deleted; its watch has not told of it yet.")


def _foundation(context: Context, observed: Observed) -> list[Document]:
    settings = context.settings
    made_here = [namespace.namespace(observed), namespace.operator_binding(observed, settings)]
    if observed.namespace is None:
        awaited = observed.tenant.spec.namespace or settings.watch_namespaces
        return [] if awaited else made_here
    if not observed.owns_namespace:
        return []
    return made_here if observed.namespace.created_by_us else made_here[1:]


async def fences(context: Context, observed: Observed) -> None:
    """Make the children that come before any pod and need no word of the gateway."""
    documents = children.before_registration(observed, context.settings)
    await _together(*(_apply_if_differs(context, one) for one in documents))


async def everything(context: Context, observed: Observed, fenced: asyncio.Task[None]) -> Observed:
    """Publish the tenant and, once it is `fenced`, make its pods.

    Return what was observed, with the registration.
    """
    settings = context.settings
    token = ""
    if not observed.work_token.current:
        token = work_token.token(observed.tenant_id, context.random_bytes(32))
        fresh = dataclasses.replace(observed.work_token, current=work_token.hash_of(token))
        observed = dataclasses.replace(observed, work_token=fresh)
    if token and ("Deployment", names.AGENT_NAME) not in observed.children:
        # No pod can take the token before the gateway knows it, so neither needs to wait.
        published, _ = await _together(
            publish(context, observed), _create_token(context, observed, token)
        )
        observed, token = published, ""
    else:
        observed = await publish(context, observed)
    await fenced
    if not _token_is_accepted(observed, fresh=bool(token)):
        return observed
    if token:
        await _create_token(context, observed, token)
    await _remove_replaced_secrets(context, observed)
    for document in children.after_registration(observed, settings):
        await _apply_if_differs(context, document)
    await _remove_others(context, observed)
    return observed


async def publish(context: Context, observed: Observed) -> Observed:
    """Tell the gateway about the tenant unless it has exactly this, and say what became of it."""
    refused = checks.refused(observed)
    unsealed = tenant_snapshot(observed, refused=refused, sealed=False)
    digest = unsealed.digest()
    registration = Registration(RegistrationState.REGISTERED, digest)
    if not context.registry.has(unsealed, digest):
        try:
            await context.registry.push(tenant_snapshot(observed, refused=refused), digest)
        except RegistryRefused as refusal:
            if refusal.reason is RefusalReason.STALE_SESSION:
                raise RetryLater("Another operator leads; this one writes nothing.") from refusal
            registration = Registration(
                RegistrationState.REFUSED, digest, refusal.reason, str(refusal)
            )
        except RetryLater as error:
            log.warning("tenant_not_published", tenant=observed.name, error=str(error))
            registration = Registration(RegistrationState.UNREACHABLE, digest, None, str(error))
    return dataclasses.replace(observed, registration=registration)


def _token_is_accepted(observed: Observed, *, fresh: bool) -> bool:
    """Tell whether the gateway surely knows the current token: then pods may get it."""
    if observed.registration.state is RegistrationState.REGISTERED:
        return True
    if fresh or observed.registration.state is RegistrationState.REFUSED:
        return False
    deployed = observed.children.get(("Deployment", names.AGENT_NAME))
    if deployed is None:
        return False
    annotations = deployed["metadata"].get("annotations", {})
    return bool(annotations.get(names.ANNOTATION_TOKEN_HASH) == observed.work_token.current)


async def _remove_replaced_secrets(context: Context, observed: Observed) -> None:
    """Delete Secrets that nobody refers to any longer, if the portal wrote them.

    The portal may create Secrets and nothing else; a rotation leaves the old one to us.
    """
    place = observed.namespace_name
    for name in sorted(deployment.secrets_left(observed)):
        secret = await context.cluster.find(kinds.SECRET, name, namespace=place)
        labels = (secret or {}).get("metadata", {}).get("labels", {})
        if labels.get(names.LABEL_WRITTEN_BY) == "portal":
            await context.cluster.delete(kinds.SECRET, name, namespace=place)
            log.info("replaced_secret_deleted", tenant=observed.name, secret=name)


async def _create_token(context: Context, observed: Observed, token: str) -> None:
    try:
        await context.cluster.create(kinds.SECRET, work_token.secret(observed, token))
    except AlreadyThere as error:
        raise RetryLater("Another work token was made meanwhile.") from error


async def _together(*steps: Awaitable[Any]) -> list[Any]:
    """Take steps at once and wait for all, whatever becomes of any; raise the first's error."""
    ended = await asyncio.gather(*steps, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return ended


async def _apply_if_differs(context: Context, document: Document) -> None:
    if _is_needed(context, document):
        await _apply(context, document)


def _is_needed(context: Context, document: Document) -> bool:
    kind = kinds.BY_NAME[document["kind"]]
    metadata = document["metadata"]
    place = metadata.get("namespace", "")
    seen = context.watched.find(kind, metadata["name"], namespace=place)
    return differs(seen, document) and not _is_as_applied(context, seen, document)


async def _apply(context: Context, document: Document) -> None:
    kind, address = kinds.BY_NAME[document["kind"]], _address(document)
    applied = await context.watched.written(
        kind,
        document["metadata"]["name"],
        insist(lambda: context.cluster.apply(kind, document)),
        namespace=document["metadata"].get("namespace", ""),
    )
    context.spelt.pop(address, None)
    if kind is kinds.DEPLOYMENT:
        context.fleet.touch(document["metadata"]["namespace"])
    if differs(applied, document):
        context.spelt[address] = _state(applied)


def _is_as_applied(context: Context, seen: Document | None, document: Document) -> bool:
    """Tell whether the object is as our last application of the same document left it.

    The server may spell a value differently (0.5 is 500m); that alone is no drift.
    """
    if seen is None or context.spelt.get(_address(document)) != _state(seen):
        return False
    key = names.ANNOTATION_CONFIG_HASH
    wanted = document["metadata"]["annotations"].get(key)
    return bool(wanted == seen["metadata"].get("annotations", {}).get(key))


def _address(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


def _state(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    version = metadata.get("generation") or metadata["resourceVersion"]
    annotations = metadata.get("annotations", {})
    return metadata["uid"], str(version), annotations.get(names.ANNOTATION_CONFIG_HASH, "")


async def _remove_others(context: Context, observed: Observed) -> None:
    """Delete children that are planned no longer."""
    wanted = {
        (one["kind"], one["metadata"]["name"])
        for one in children.planned(observed, context.settings)
    }
    for kind_name, name in observed.children.keys() - wanted:
        kind = kinds.BY_NAME[kind_name]
        await context.cluster.delete(kind, name, namespace=observed.namespace_name)
        context.watched.forget(kind, name, namespace=observed.namespace_name)
