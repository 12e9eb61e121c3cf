"""What the store and the seals know of a connection, as findings."""

from datetime import UTC, datetime

from konstruct_channels import checks
from konstruct_channels.checks import DELIVERIES, LAST_IN, LAST_OUT, SECRET, Finding
from konstruct_channels.marking import mark as _
from konstruct_gateway.hooks.place import Route
from konstruct_registry.wire import Report
from konstruct_store import registry as stored
from konstruct_store.activity import last_times
from konstruct_store.store import Store


async def last_said(store: Store, route: Route, condition: str) -> Report | None:
    """Return what any replica reported last of a condition. Raises RetryLater."""
    tenant_id, name = route.tenant.tenant_id, route.connection.name
    return await stored.last_report(store, tenant_id, "ChannelConnection", name, condition)


def of_deliveries(said: Report | None, version: str, vendor: str) -> Finding:
    """Tell whether genuine deliveries come in, verified with the secret in use.

    Only the vendor's own delivery shows that it signs with the same secret as the connection.
    """
    if said is None or said.status == "Unknown" or (said.version and said.version != version):
        return checks.unknown(
            DELIVERIES,
            _("Nothing of {vendor} has come in with the secret that is in use now."),
            vendor=vendor,
            then=checks.step(_("Write to the agent once, or let the vendor verify the address.")),
        )
    if said.status == "True":
        return checks.ok(
            DELIVERIES, _("Deliveries of {vendor} come in and are genuine."), vendor=vendor
        )
    sentence, then = _TROUBLES.get(said.reason, ("{message}", _("Put right what it says.")))
    return checks.failed(DELIVERIES, sentence, message=said.message, then=checks.step(then))


_TROUBLES = {
    "SignaturesDoNotFit": (
        _("Deliveries come whose signature does not fit the connection's secret."),
        _("Copy the vendor's secret from the app that calls this address into the Secret."),
    ),
    "SigningSecretMissing": (
        _("Deliveries come, and the Secret has nothing to verify them with."),
        _("Copy the vendor's secret from the app that calls this address into the Secret."),
    ),
    "InstallationContested": (
        _("Two connections have proven to be of one installation, and neither gets messages."),
        _("Remove one of the two connections."),
    ),
}


async def went_through(store: Store, route: Route, *, sends: bool) -> list[Finding]:
    """Tell when something last came in, and went out. Raises RetryLater."""
    times = await last_times(store, route.tenant.tenant_id, route.connection.connection_id)
    found = [_last(LAST_IN, times.last_in)]
    return [*found, _last(LAST_OUT, times.last_out)] if sends else found


def _last(check: str, at: datetime | None) -> Finding:
    if at is None:
        return checks.unknown(check, _("None lately."))
    return checks.ok(check, _("At {time} UTC."), time=f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")


def sealed_to_another_key() -> Finding:
    """Tell that no key of this gateway opens the credentials."""
    return checks.failed(
        SECRET,
        _("The gateway cannot open the sealed credentials: none of its keys fits."),
        then=checks.step(
            _(
                "Compare KONSTRUCT_SEAL_PRIVATE_KEYS of the gateway with the operator's"
                " KONSTRUCT_GATEWAY_SEAL_PUBLIC_KEY."
            )
        ),
    )


def no_secret() -> Finding:
    """Tell that there are no credentials."""
    return checks.failed(
        SECRET,
        _("No credentials have come to the gateway."),
        then=checks.step(
            _(
                "Make the Secret that credentialsSecretRef names, with the label"
                " konstruct.dev/use: channel."
            )
        ),
    )


def former_secret(version: str) -> Finding:
    """Tell that new credentials were not taken, and former ones stay in use."""
    return checks.failed(
        SECRET,
        _("The vendor has not taken the new credentials; those of version {version} stay in use."),
        version=version,
        then=checks.step(_("Put right credentials into the connection's Secret.")),
    )
