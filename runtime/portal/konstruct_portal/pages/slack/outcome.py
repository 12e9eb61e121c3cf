"""How an installation can end without one, and what somebody is to do then. Pure."""

from dataclasses import dataclass

from konstruct_channels.slack.install import Fault
from konstruct_portal.language import Translate


@dataclass(frozen=True)
class Outcome:
    """A page's words. `code` is for whoever is asked for help; `again`: beginning anew helps."""

    status: int
    title: str
    text: str
    code: str = ""
    again: bool = True


def denied(_: Translate) -> Outcome:
    """Say that somebody pressed Cancel at Slack, or may not install apps there."""
    return Outcome(
        403,
        _("Slack was not connected"),
        _(
            "You did not allow the app, or your workspace wants an administrator to approve it"
            " first. Nothing was changed. Begin again once it may be installed."
        ),
    )


def stale(_: Translate) -> Outcome:
    """Say that the state is not to be believed, or was used."""
    return Outcome(
        400,
        _("This installation can no longer be finished"),
        _(
            "It holds for ten minutes, once, in the browser that began it. Nothing was changed."
            " Begin again."
        ),
    )


def failed(fault: Fault, code: str, _: Translate) -> Outcome:
    """Say why Slack did not exchange the code."""
    match fault:
        case Fault.CODE:
            return stale(_)
        case Fault.PLATFORM:
            return Outcome(
                502,
                _("This platform's Slack app is not set up right"),
                _(
                    "You did nothing wrong, and nothing was changed. Give the code below to"
                    " whoever runs this platform."
                ),
                code,
                again=False,
            )
        case Fault.WORKSPACE:
            return Outcome(
                403,
                _("Your workspace does not let the app in"),
                _(
                    "Ask an administrator of your workspace or organisation to allow it, and show"
                    " the code below. Then begin again."
                ),
                code,
            )
        case Fault.UNREACHED:
            return Outcome(
                503,
                _("Slack cannot be reached right now"),
                _("Nothing was changed. Begin again in a minute."),
                code,
            )


def taken(_: Translate) -> Outcome:
    """Say that another tenant has this workspace."""
    return Outcome(
        409,
        _("This workspace is connected elsewhere"),
        _(
            "Somebody else on this platform has connected it already, and an answer must not come"
            " from two sides. Have it disconnected there first, or make an app of your own."
        ),
        again=False,
    )


def another_workspace(_: Translate) -> Outcome:
    """Say that the connection to renew is of another workspace than the one chosen."""
    return Outcome(
        409,
        _("That was another workspace"),
        _(
            "This connection belongs to another workspace than the one you chose at Slack. Nothing"
            " was changed. Begin again and choose the right one, or make a new connection."
        ),
    )


def owned(owner: str, _: Translate) -> Outcome:
    """Say that a GitOps controller declares the connection of this workspace."""
    return Outcome(
        409,
        _("This workspace's connection is declared in Git"),
        _("{owner} writes it, so that a change here would not last. Make it in Git.").format(
            owner=owner
        ),
        again=False,
    )
