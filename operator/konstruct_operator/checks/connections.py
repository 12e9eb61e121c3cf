"""What a ChannelConnection needs: its agents, and a channel that takes its credentials."""

from konstruct_crds.channel_types import channel_type
from konstruct_crds.conditions import ConditionType
from konstruct_crds.connection import ChannelConnection
from konstruct_operator.checks.finding import Finding, Verdict
from konstruct_operator.checks.tenants import reported
from konstruct_operator.names import LABEL_USE
from konstruct_operator.observed import Observed, Refusals


def agent_is_resolved(
    observed: Observed, connection: ChannelConnection, refused_agents: Refusals
) -> Finding:
    """Tell whether every agent that the connection names exists and is accepted."""
    about = ConditionType.AGENT_RESOLVED
    known = observed.agent_names
    routes = connection.spec.routes
    for name in (connection.spec.agent_ref.name, *(route.agent_ref.name for route in routes)):
        if name not in known:
            have = ", ".join(sorted(known)) or "none yet"
            return Finding(
                about,
                Verdict.MISSING,
                "AgentNotFound",
                f"There is no Agent {name} in the namespace {observed.namespace_name} (there:"
                f" {have}). Create it, or name another one in agentRef.",
            )
        if ("Agent", name) in refused_agents:
            return Finding(
                about,
                Verdict.WRONG,
                "AgentNotAccepted",
                f"The Agent {name} is not accepted. See: kubectl describe ka {name}"
                f" -n {observed.namespace_name}",
            )
    return Finding(about, Verdict.HOLDS, "AgentResolved", "Every agent named here exists.")


def channel_is_authenticated(observed: Observed, connection: ChannelConnection) -> Finding:
    """Tell whether the channel accepts the credentials, as the gateway reports it."""
    about, kind = ConditionType.AUTHENTICATED, str(connection.spec.type)
    if kind not in observed.served_channels:
        return Finding(
            about,
            Verdict.WRONG,
            "ChannelNotAvailable",
            f"This version of Konstruct does not serve {kind} yet. Use the type"
            f" {' or '.join(sorted(observed.served_channels))}, or upgrade.",
        )
    if connection.spec.credentials_secret_ref is None:
        return Finding(
            about, Verdict.HOLDS, "NoCredentialsNeeded", "This channel needs no credentials."
        )
    return _reported(observed, connection, about, not_yet="Waiting for the gateway to try them.")


def credentials_version(observed: Observed, connection: ChannelConnection) -> str | None:
    """Return which version of the Secret is in use: what the gateway says it works with.

    Until it has spoken of what is declared now, the version known before stays; a gateway that
    never speaks of versions works with what is declared.
    """
    reference = connection.spec.credentials_secret_ref
    secret = observed.secret(reference.name) if reference is not None else None
    if secret is None or secret.labels.get(LABEL_USE) != "channel":
        return None
    about, name = str(ConditionType.AUTHENTICATED), connection.metadata.name
    asked = (observed.tenant_id, "ChannelConnection", name, about)
    spoken = [
        one
        for one in observed.reports
        if (one.tenant_id, one.kind, one.name, one.condition) == asked and one.version
    ]
    if not spoken:
        return f"{secret.uid}/{secret.resource_version}"
    if spoken[0].digest == observed.registration.digest:
        return spoken[0].version
    return connection.status.credentials_version or spoken[0].version


def webhook_url(observed: Observed, connection: ChannelConnection) -> str | None:
    """Return the address to enter at the vendor; web chat has none, and not every app needs one."""
    channel = channel_type(connection.spec.type)
    if channel is None or not channel.webhook or not observed.public_url:
        return None
    config = connection.spec.config
    if any(config.get(field) != value for field, value in channel.webhook_with.items()):
        return None
    base = observed.public_url.rstrip("/")
    return f"{base}/hooks/{channel.folder}/{observed.name}/{connection.metadata.name}"


def channel_is_receiving(observed: Observed, connection: ChannelConnection) -> Finding:
    """Tell whether messages arrive, as the gateway reports it; Ready does not depend on it."""
    about = ConditionType.RECEIVING
    return _if_served(observed, connection, about, not_yet="No message has come yet.")


def checks_passed(observed: Observed, connection: ChannelConnection) -> Finding:
    """Tell whether all that the gateway looks at is in order; Ready does not depend on it."""
    about = ConditionType.CHECKS_PASSED
    return _if_served(observed, connection, about, not_yet="The gateway has not looked at it yet.")


def _if_served(
    observed: Observed, connection: ChannelConnection, about: ConditionType, *, not_yet: str
) -> Finding:
    if str(connection.spec.type) not in observed.served_channels:
        return Finding(
            about, Verdict.WRONG, "ChannelNotAvailable", "This channel is not served yet."
        )
    return _reported(observed, connection, about, not_yet=not_yet)


def _reported(
    observed: Observed, connection: ChannelConnection, about: ConditionType, *, not_yet: str
) -> Finding:
    return reported(
        observed,
        connection.status.conditions,
        kind="ChannelConnection",
        name=connection.metadata.name,
        about=about,
        otherwise=Finding(about, Verdict.UNKNOWN, "NotReportedYet", not_yet),
    )
