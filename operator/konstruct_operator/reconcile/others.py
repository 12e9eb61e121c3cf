"""What is no tenant: templates, and objects in namespaces of nobody."""

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_operator.reconcile import report
from konstruct_operator.reconcile.context import Context


async def template(context: Context, name: str) -> None:
    """Look at a template."""
    found = context.declared.template(name)
    if found is not None:
        await report.template(context, found)


async def orphans(context: Context, namespace: str) -> float | None:
    """Look at the Agents and ChannelConnections of a namespace that no Tenant has."""
    if context.roster.of_namespace(namespace):
        context.namespace_changed(namespace)
        return None
    found: list[Agent | ChannelConnection] = [
        *context.declared.agents(namespace),
        *context.declared.connections(namespace),
    ]
    pauses = [
        await report.orphan(context, one)
        for one in found
        if one.metadata.deletion_timestamp is None
    ]
    return min((one for one in pauses if one is not None), default=None)
