"""Whose installation of an app a genuine delivery of Slack belongs to. Pure.

An event says it in `authorizations[0]`; the team at the top is that of whoever wrote, which in a
shared channel is another company's. Interactions have no authorizations, and what concerns a whole
organisation may carry its id alone.
https://docs.slack.dev/apis/events-api#authorizations
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konstruct_channels.slack.fields import mapping, text
from konstruct_channels.slack.spec import SlackConfig

ABOUT_THE_INSTALLATION = frozenset(
    {
        *("app_rate_limited", "app_uninstalled", "team_access_granted", "team_access_revoked"),
        "tokens_revoked",
    }
)
_MOST_WORKSPACES = 100


@dataclass(frozen=True)
class Installation:
    """An app in a workspace, or in a whole organisation. What Slack does not say is empty."""

    app: str = ""
    team: str = ""
    enterprise: str = ""
    org_wide: bool = False
    workspaces: tuple[str, ...] = ()
    """Workspaces that an event about the installation names."""

    def stranger(self, config: SlackConfig) -> str | None:
        """Return why a delivery of this installation is not the connection's; None: it is."""
        if self.app and self.app != config.app_id:
            return "another_app"
        mine = config.team_id
        named = {self.team, self.enterprise, *self.workspaces} - {""}
        if not named or mine in {self.team, *self.workspaces}:
            return None
        # The organisation fits and the workspace does not: ours only if the organisation
        # installed the app.
        whole = mine == self.enterprise and (self.org_wide or not self.team)
        return None if whole else "another_team"

    @property
    def claims(self) -> tuple[str, ...]:
        """The names under which a connection may claim this installation of a shared app."""
        whole = self.enterprise if self.org_wide or not self.team else ""
        places = (self.team, *self.workspaces, whole)
        return tuple(dict.fromkeys(claim_of(self.app, one) for one in places if one and self.app))


def claim_of(app: str, team: str) -> str:
    """Return the name of an installation."""
    return f"{app}/{team}"


def of_event(content: Mapping[str, Any]) -> Installation:
    """Return the installation that an Events API delivery names."""
    app = text(content, "api_app_id")
    authorizations = content.get("authorizations")
    first = authorizations[0] if isinstance(authorizations, list) and authorizations else None
    where = mapping(first) if first is not None else content
    workspaces = mapping(content.get("event")).get("team_ids")
    named = workspaces[:_MOST_WORKSPACES] if isinstance(workspaces, list) else ()
    return Installation(
        app=app,
        team=_team(text(where, "team_id")),
        enterprise=text(where, "enterprise_id") or _organisation(text(where, "team_id")),
        org_wide=where.get("is_enterprise_install") is True,
        workspaces=tuple(one for one in named if isinstance(one, str)),
    )


def of_interaction(payload: Mapping[str, Any]) -> Installation:
    """Return the installation that an interaction names; shortcuts may leave the app out."""
    view, team = mapping(payload.get("view")), mapping(payload.get("team"))
    place = text(view, "app_installed_team_id") or text(team, "id")
    enterprise = text(mapping(payload.get("enterprise")), "id") or text(team, "enterprise_id")
    return Installation(
        app=text(payload, "api_app_id"),
        team=_team(place),
        enterprise=enterprise or _organisation(place),
        org_wide=payload.get("is_enterprise_install") is True,
    )


def of_command(names: Mapping[str, str]) -> Installation:
    """Return the installation that a slash command's form names; its truth values are texts."""
    return Installation(
        app=names.get("api_app_id", ""),
        team=_team(names.get("team_id", "")),
        enterprise=names.get("enterprise_id", "") or _organisation(names.get("team_id", "")),
        org_wide=names.get("is_enterprise_install") == "true",
    )


def _team(given: str) -> str:
    return "" if given.startswith("E") else given


def _organisation(given: str) -> str:
    return given if given.startswith("E") else ""
