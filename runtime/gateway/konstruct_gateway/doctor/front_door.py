"""Web chat as a visitor comes to it, over the public address: the script, then a ticket."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from konstruct_channels import checks
from konstruct_channels.checks import Finding, Words
from konstruct_channels.marking import mark as _
from konstruct_channels.webchat.checks import KEYS, WIDGET
from konstruct_channels.webchat.spec import Visitors, WebChatConfig
from konstruct_gateway.hooks.place import Route
from konstruct_messages.credentials import CredentialUse, verify
from konstruct_messages.errors import MessagesError

_SECONDS = 10.0


@dataclass(frozen=True)
class FrontDoor:
    """Takes what a visitor takes; `public_url` has no slash at its end."""

    client: httpx.AsyncClient
    public_url: str
    key: bytes = field(repr=False)

    async def take(self, route: Route) -> list[Finding]:
        """Fetch the script and a ticket as a page would; nothing where no visitor may come."""
        chat = WebChatConfig.model_validate(route.connection.config)
        if chat.visitors is not Visitors.ALLOWED:
            return []
        place = f"{self.public_url}/chat/{route.tenant.name}/{route.connection.name}"
        headers = {"Origin": (*chat.allowed_origins, self.public_url)[0]}
        try:
            script = await self._head_of(f"{place}/widget.js", headers)
            ticket = await self.client.post(
                f"{place}/ticket", json={}, headers=headers, timeout=_SECONDS
            )
        except httpx.HTTPError as error:
            sentence = _(
                "The gateway could not reach {url} from where it runs ({reason}); browsers outside"
                " perhaps can."
            )
            return [
                checks.unknown(
                    name, sentence, url=place, reason=type(error).__name__, then=_TRY_OUTSIDE
                )
                for name in (WIDGET, KEYS)
            ]
        return [self._script(script), self._ticket(ticket)]

    async def _head_of(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """Fetch a page and return its head; what it holds is not kept."""
        async with self.client.stream("GET", url, headers=headers, timeout=_SECONDS) as answer:
            async for _piece in answer.aiter_bytes():
                continue
        return answer

    def _script(self, answer: httpx.Response) -> Finding:
        if answer.status_code == httpx.codes.OK and "javascript" in answer.headers.get(
            "content-type", ""
        ):
            return checks.ok(WIDGET, _("{url} is served."), url=str(answer.url))
        return checks.failed(
            WIDGET,
            _("{url} is answered with HTTP {status}."),
            url=str(answer.url),
            status=answer.status_code,
            then=_LOOK_BETWEEN,
        )

    def _ticket(self, answer: httpx.Response) -> Finding:
        if answer.status_code != httpx.codes.OK:
            return checks.failed(
                KEYS,
                _("A visitor gets no ticket: HTTP {status}."),
                status=answer.status_code,
                then=_LOOK_BETWEEN,
            )
        try:
            ticket = str(answer.json().get("ticket", ""))
            verify(ticket, self.key, use=CredentialUse.TICKET, now=datetime.now(UTC))
        except (ValueError, AttributeError, MessagesError):
            return checks.failed(
                KEYS,
                _("A visitor's ticket does not fit this gateway's key."),
                then=checks.step(
                    _("Give all replicas of gateway and portal the same KONSTRUCT_CHAT_KEY.")
                ),
            )
        return checks.ok(KEYS, _("A visitor gets a ticket that this gateway takes."))


_LOOK_BETWEEN = Words(
    _(
        "Look at what stands between the Internet and the gateway: it must hand on /chat/ to this"
        " gateway."
    )
)
_TRY_OUTSIDE = Words(_("Open the address from outside: anything but an answer is what to mend."))
