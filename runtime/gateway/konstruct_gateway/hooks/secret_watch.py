"""Whether deliveries fit a connection's own secret: what never fits is said, not only refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from konstruct_channels.inbound import Delivered, Forged, Learnt, NotReady, Reading
from konstruct_gateway.hooks.conditions import Conditions
from konstruct_gateway.hooks.place import Route

MISSING = Learnt(
    condition="Receiving",
    status="False",
    reason="SigningSecretMissing",
    message="Deliveries come, and the Secret has nothing to verify them with. Put the vendor's"
    " secret for webhooks into it, under the key that the channel's block names.",
)
WRONG = Learnt(
    condition="Receiving",
    status="False",
    reason="SignaturesDoNotFit",
    message="Deliveries come whose signature does not fit the connection's secret, and none has"
    " fitted yet. Copy the secret for webhooks from the app that calls this address.",
)


@dataclass
class SecretWatch:
    """Remembers with which credentials a delivery was genuine.

    Anybody can send what does not fit: it says nothing once something has fitted.
    """

    conditions: Conditions
    _fitted: dict[tuple[UUID, str], Mapping[str, str]] = field(default_factory=dict)

    def see(self, route: Route, credentials: Mapping[str, str], reading: Reading) -> None:
        """Look at what became of a delivery to the connection's own address."""
        key = (route.tenant.tenant_id, route.connection.name)
        match reading:
            case Delivered():
                if self._fitted.get(key) != credentials:
                    self._fitted[key] = dict(credentials)
            case Forged(code="bad_signature") if self._fitted.get(key) != credentials:
                self.conditions.note(route.tenant, route.connection.name, WRONG)
            case NotReady(code="no_credentials") if credentials:
                self.conditions.note(route.tenant, route.connection.name, MISSING)
            case _:
                pass
