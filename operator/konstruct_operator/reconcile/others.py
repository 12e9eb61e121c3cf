"""What is no tenant: templates, and objects in namespaces of nobody."""

import asyncio

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.template import AgentTemplate
from konstruct_operator.cluster import kinds
from konstruct_operator.reconcile import report
from konstruct_operator.reconcile.context import Context


async def template(context: Context, name: str) -> None:
    """Look at a template."""
    document = await context.cluster.find(kinds.TEMPLATE, name)
    if document is not None:
        await report.template(context, AgentTemplate.model_validate(document))


async def orphans(context: Context, namespace: str) -> float | None:
    """Look at the Agents and ChannelConnections of a namespace that no Tenant has."""
    if any(known.namespace == namespace for known in context.tenants.values()):
        context.namespace_changed(namespace)
        return None
    (agents, _), (connections, _) = await asyncio.gather(
        context.cluster.list(kinds.AGENT, namespace=namespace),
        context.cluster.list(kinds.CONNECTION, namespace=namespace),
    )
    found: list[Agent | ChannelConnection] = [
        *(Agent.model_validate(one) for one in agents),
        *(ChannelConnection.model_validate(one) for one in connections),
    ]
    pauses = [
        await report.orphan(context, one)
        for one in found
        if one.metadata.deletion_timestamp is None
    ]
    return min((one for one in pauses if one is not None), default=None)
