"""A delivery from us to us: out to the public address, in at the front door, and no further."""

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from urllib.parse import urlsplit

import httpx

from konstruct_channels import checks
from konstruct_channels.checks import ADDRESS, ROUND_TRIP, Finding, Rehearsal, Words
from konstruct_channels.inbound import Inbound
from konstruct_channels.marking import mark as _
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.doctor.self_tests import HEADER, SelfTests
from konstruct_gateway.hooks.place import Route

_SECONDS = 10.0
_UNAUTHORISED, _NOT_FOUND, _UNAVAILABLE = 401, 404, 503


@dataclass(frozen=True)
class RoundTrip:
    """Sends deliveries to this gateway's own public address; `public_url` has no slash at its end.

    `client` follows no redirects: vendors do not either, or lose the body.
    """

    client: httpx.AsyncClient
    public_url: str
    self_tests: SelfTests
    clock: Callable[[], float] = time.time

    def address_of(self, route: Route, spec: ChannelSpec) -> str:
        """Return where the vendor calls a connection."""
        place = f"{spec.folder}/{route.tenant.name}/{route.connection.name}"
        return f"{self.public_url}/hooks/{place}"

    def address(self) -> Finding:
        """Tell whether a vendor could call the public address at all."""
        parts = urlsplit(self.public_url)
        if parts.scheme == "https" and not _is_private(parts.hostname or ""):
            return checks.ok(ADDRESS, _("Vendors call {url}."), url=self.public_url)
        return checks.failed(
            ADDRESS,
            _("Vendors call only public addresses over https, and this is {url}."),
            url=self.public_url,
            then=checks.step(
                _(
                    "Put a proxy or a tunnel with a certificate in front of the gateway and set"
                    " KONSTRUCT_PUBLIC_URL to its address."
                )
            ),
        )

    async def take(
        self,
        route: Route,
        spec: ChannelSpec,
        inbound: Inbound,
        credentials: Mapping[str, str],
    ) -> Finding:
        """Go there and back: the handshake, then one signed delivery that says nothing."""
        challenge = token_urlsafe(24)
        config = route.connection.config
        rehearsal = checks.rehearse(spec, config, credentials, challenge=challenge)
        url = self.address_of(route, spec)
        try:
            refused = await self._handshake(url, rehearsal)
            return refused or await self._deliver(url, route, inbound, credentials, rehearsal)
        except httpx.HTTPError as error:
            return checks.unknown(
                ROUND_TRIP,
                _(
                    "The gateway could not reach {url} from where it runs ({reason}); vendors"
                    " outside perhaps can."
                ),
                url=url,
                reason=type(error).__name__,
                then=_TRY_OUTSIDE,
            )

    async def _handshake(self, url: str, rehearsal: Rehearsal) -> Finding | None:
        if not rehearsal.handshake:
            return None
        answer = await self.client.get(url, params=dict(rehearsal.handshake), timeout=_SECONDS)
        if answer.status_code == httpx.codes.OK and answer.content == rehearsal.answer:
            return None
        return checks.failed(
            ROUND_TRIP,
            _("{url} does not answer the vendor's handshake as it should (HTTP {status})."),
            url=url,
            status=answer.status_code,
            then=_LOOK_BETWEEN,
        )

    async def _deliver(
        self,
        url: str,
        route: Route,
        inbound: Inbound,
        credentials: Mapping[str, str],
        rehearsal: Rehearsal,
    ) -> Finding:
        now, body = self.clock(), rehearsal.body
        tenant_id = route.tenant.tenant_id
        mark = self.self_tests.mark(tenant_id, route.connection.name, body, now=now)
        signed = inbound.sign(body, credentials, now=datetime.fromtimestamp(now, UTC))
        headers = {**signed, HEADER: mark, "Content-Type": "application/json"}
        answer = await self.client.post(url, content=body, headers=headers, timeout=_SECONDS)
        return self._judged(url, answer, mark)

    def _judged(self, url: str, answer: httpx.Response, mark: str) -> Finding:
        status = answer.status_code
        if status == httpx.codes.OK and answer.headers.get(HEADER) == self.self_tests.proof(mark):
            return checks.ok(
                ROUND_TRIP, _("A delivery signed with the secret comes in at {url}."), url=url
            )
        if status == _UNAVAILABLE:
            return checks.unknown(
                ROUND_TRIP, _("The gateway is not ready to take deliveries yet (HTTP 503).")
            )
        sentence = {
            httpx.codes.OK: _("Something else than this gateway answers at {url}."),
            _UNAUTHORISED: _(
                "A delivery signed with the secret is refused at {url}: its bytes are changed on"
                " the way, or another gateway answers."
            ),
            _NOT_FOUND: _("Nobody knows this connection at {url} (HTTP 404)."),
        }.get(status, _("A delivery to {url} is answered with HTTP {status}."))
        return checks.failed(ROUND_TRIP, sentence, url=url, status=status, then=_LOOK_BETWEEN)


_LOOK_BETWEEN = Words(
    _(
        "Look at what stands between the Internet and the gateway: it must hand on /hooks/ to this"
        " gateway, unchanged and without redirects."
    )
)
_TRY_OUTSIDE = Words(_("Open the address from outside: anything but an answer is what to mend."))


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
