"""What the far Slack says of people and bots: `users.info` and `bots.info`.

https://docs.slack.dev/reference/methods/users.info and
https://docs.slack.dev/reference/methods/bots.info
"""

from dataclasses import dataclass, field
from typing import Any

from support.far_slack_messages import Workspace


def bot_id(workspace: Workspace) -> str:
    """Return the id of the app's bot in a workspace."""
    return f"B{workspace.bot}"


@dataclass
class People:
    """The people of all workspaces: what is said of them beside their id, by id."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The app that a workspace's token is of, by token; "A0KONSTRUCT" where nothing is said.
    apps: dict[str, str] = field(default_factory=dict)

    def handle(self, workspace: Workspace, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of one of the two methods."""
        if "users:read" not in workspace.scopes.split(","):
            return {"ok": False, "error": "missing_scope", "needed": "users:read"}
        if method == "bots.info":
            if body.get("bot") != bot_id(workspace):
                return {"ok": False, "error": "bot_not_found"}
            app = self.apps.get(workspace.token, "A0KONSTRUCT")
            return {"ok": True, "bot": {"id": bot_id(workspace), "app_id": app}}
        person = self.known.get(str(body.get("user")))
        if person is None:
            return {"ok": False, "error": "user_not_found"}
        rights = {"is_restricted": False, "is_ultra_restricted": False}
        user = {"id": body["user"], "team_id": workspace.team, **rights, **person}
        return {"ok": True, "user": user}
