"""Which gateway the doctor command asks: the one that runs here, or one by its address."""

import os
from dataclasses import dataclass, field

from konstruct_gateway.doctor.asking import ask
from konstruct_gateway.doctor.words import SaidConnection
from konstruct_gateway.errors import GatewayError, NotFound, Unauthorised
from konstruct_local.errors import LocalError, UnusableSystem
from konstruct_local.home import Home
from konstruct_local.keys import KeyFile
from konstruct_local.words import mark as _

TOKEN = "KONSTRUCT_REGISTRY_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know. `url` is a gateway's internal address; empty: the one here."""

    tenant: str = ""
    connection: str = ""
    url: str = ""
    as_json: bool = False
    token: str = field(default_factory=lambda: os.environ.get(TOKEN, ""), repr=False)

    @property
    def connections_alone(self) -> bool:
        """Whether this machine is of no interest."""
        return bool(self.tenant or self.url)


async def examine(home: Home, asked: Asked, language: str) -> list[SaidConnection]:
    """Return what is found about the connections. Raises LocalError.

    Where nothing runs here and nobody asked for a connection, there are none.
    """
    url, token = asked.url, asked.token
    if not url:
        url = home.running_inside()
        if not url and not asked.tenant:
            return []
        if not url:
            raise UnusableSystem(
                _(
                    "Konstruct is not running from {directory}. Start it, or name a gateway's"
                    " internal address with --url."
                ),
                directory=home.path,
            )
        token = KeyFile(home.keys).load().registry_token
    try:
        return await ask(
            url, token, tenant=asked.tenant, connection=asked.connection, language=language
        )
    except Unauthorised as error:
        raise LocalError(
            _("The gateway at {url} does not take the token: set {variable}."),
            url=url,
            variable=TOKEN,
        ) from error
    except NotFound as error:
        raise LocalError(
            _("There is no connection {place}."), place=f"{asked.tenant}/{asked.connection}"
        ) from error
    except GatewayError as error:
        if not asked.connections_alone:
            return []  # what is wrong with the machine itself is told already
        raise LocalError(_("The gateway does not answer: {reason}"), reason=error) from error
