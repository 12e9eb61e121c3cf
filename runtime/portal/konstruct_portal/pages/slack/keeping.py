"""From an installation at Slack to a Secret and a ChannelConnection, new or renewed."""

from typing import Any

from konstruct_channels.slack.install import Installed
from konstruct_portal.connection_names import free_name
from konstruct_portal.directory import ShownTenant
from konstruct_portal.ownership import gitops_owner
from konstruct_portal.page import Page
from konstruct_portal.pages.slack import outcome
from konstruct_portal.pages.slack.promise import Promise
from konstruct_portal.resources import Resource

_KIND = "ChannelConnection"
_GATHER_MILLISECONDS = 2000


class NotKept(Exception):
    """The installation cannot be kept; the outcome says why to a person."""

    def __init__(self, why: outcome.Outcome) -> None:
        super().__init__(why.title)
        self.outcome = why


async def keep(
    page: Page, tenant: ShownTenant, promise: Promise, installed: Installed
) -> tuple[str, bool]:
    """Keep the token and declare the connection; return its name and whether it was there.

    Raises NotKept, and the errors of the resources.
    """
    _ = page.translate
    resources = page.services.resources
    everywhere = await resources.list(_KIND)
    same = [one for one in everywhere if is_of(one, installed)]
    if any(one.namespace != tenant.namespace for one in same):
        raise NotKept(outcome.taken(_))
    known = next((one for one in same), None)
    if promise.connection and (known is None or known.name != promise.connection):
        raise NotKept(outcome.another_workspace(_))
    if known is not None:
        owner = gitops_owner(known.managed_by, known.annotations)
        if owner:
            raise NotKept(outcome.owned(owner, _))
        await _renew(page, known, installed)
        return known.name, True
    here = {one.name for one in everywhere if one.namespace == tenant.namespace}
    name = free_name(f"slack-{installed.name}", here.__contains__)
    await _declare(page, tenant, name, promise.agent, installed)
    return name, False


def is_of(connection: Resource, installed: Installed) -> bool:
    """Tell whether a connection is of this installation of the shared app."""
    slack = connection.spec.get("slack") or {}
    return bool(
        connection.spec.get("type") == "Slack"
        and slack.get("install") == "Shared"
        and (slack.get("appId"), slack.get("teamId")) == (installed.app_id, installed.team_id)
    )


async def _renew(page: Page, known: Resource, installed: Installed) -> None:
    """Point to a new Secret; tried before it is made, so that a refusal leaves none behind."""
    resources = page.services.resources
    await resources.replace_spec(known, _pointed(known.spec, "tried"), dry_run=True)
    secret = await _secret(page, known.namespace, known.name, installed)
    await resources.replace_spec(known, _pointed(known.spec, secret))


async def _declare(
    page: Page, tenant: ShownTenant, name: str, agent: str, installed: Installed
) -> None:
    spec = {
        "type": "Slack",
        "agentRef": {"name": agent},
        "gatherMilliseconds": _GATHER_MILLISECONDS,
        "slack": {
            "appId": installed.app_id,
            "teamId": installed.team_id,
            "install": "Shared",
        },
    }
    resources = page.services.resources
    tried = Resource(_KIND, name, tenant.namespace, _pointed(spec, "tried"))
    await resources.create(tried, dry_run=True)
    secret = await _secret(page, tenant.namespace, name, installed)
    await resources.create(Resource(_KIND, name, tenant.namespace, _pointed(spec, secret)))


async def _secret(page: Page, namespace: str, name: str, installed: Installed) -> str:
    data = {"botToken": installed.bot_token}
    return await page.services.resources.create_secret(namespace, f"{name}-", data, use="channel")


def _pointed(spec: dict[str, Any], secret: str) -> dict[str, Any]:
    return {**spec, "credentialsSecretRef": {"name": secret}}
