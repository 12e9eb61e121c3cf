"""Who wrote: what an event of Slack says about a person, and what it leaves open. Pure.

An event tells strangers by their team, and shows the rights of those alone whose profile comes with
it; whether one of the workspace's own people is a guest is known to `users.info` only.
https://docs.slack.dev/apis/slack-connect#external_members
"""

from collections.abc import Mapping
from typing import Any

from konstruct_channels.inbound import Standing
from konstruct_channels.knowing import Acquaintance
from konstruct_channels.slack.fields import mapping, text

_LONGEST_NAME = 128


def display_name(event: Mapping[str, Any]) -> str:
    """Return the name that the event shows; empty where it shows none."""
    profile = mapping(event.get("user_profile"))
    name = text(profile, "display_name") or text(profile, "real_name")
    return name.replace("\x00", "")[:_LONGEST_NAME]


def standing(content: Mapping[str, Any], event: Mapping[str, Any], team: str) -> Standing:
    """Return what the writer is to the installation in `team`, as far as the delivery says."""
    profile = mapping(event.get("user_profile"))
    theirs = text(event, "user_team") or text(profile, "team") or text(event, "source_team")
    shared = content.get("is_ext_shared_channel")
    if shared is True and not theirs:
        # It never happened that Slack said one and not the other; nobody gets in by it.
        return Standing.STRANGER
    if shared is not False and theirs:
        authorizations = content.get("authorizations")
        first = authorizations[0] if isinstance(authorizations, list) and authorizations else None
        where = mapping(first)
        ours = {team, text(where, "team_id"), text(where, "enterprise_id")} - {""}
        if theirs not in ours:
            return Standing.STRANGER
    return of_rights(profile)


def of_rights(user: Mapping[str, Any]) -> Standing:
    """Return what a user object, or a profile with its rights, says of one of our own people."""
    rights = [user.get("is_restricted"), user.get("is_ultra_restricted")]
    if True in rights:
        return Standing.GUEST
    return Standing.MEMBER if False in rights else Standing.UNKNOWN


def acquaintance(data: Mapping[str, Any], team: str) -> Acquaintance:
    """Return what an answer of `users.info` says of a person to the installation in `team`.

    https://docs.slack.dev/reference/objects/user-object
    """
    user = mapping(data.get("user"))
    enterprise = mapping(user.get("enterprise_user"))
    theirs = {text(user, "team_id"), text(enterprise, "enterprise_id")} - {""}
    locale = text(user, "locale")[:35]
    if user.get("is_stranger") is True or (theirs and team not in theirs):
        return Acquaintance(Standing.STRANGER, locale)
    return Acquaintance(of_rights(user), locale)
