"""The far Slack for a long campaign: as strict as ever, found quickly among many messages."""

from dataclasses import dataclass, field
from typing import Any

from support.far_slack import FarSlack
from support.far_slack_messages import Messages, Posted, Workspace


class Unlimited(dict[str, int]):
    """Slack's tiers for a workspace that may call as often as it likes."""

    def get(self, _method: str, _default: object = None) -> int:
        return 1_000_000


@dataclass
class IndexedMessages(Messages):
    """Messages that are found by their place and time, not by looking at all."""

    _index: dict[tuple[str, str, str], Posted] = field(default_factory=dict)
    _threads: dict[tuple[str, str, str], list[Posted]] = field(default_factory=dict)

    def post(self, workspace: Workspace, body: dict[str, Any], *, text: str) -> Posted:
        posted = super().post(workspace, body, text=text)
        self._index[posted.team, posted.channel, posted.ts] = posted
        place = (posted.team, posted.channel, posted.thread_ts)
        self._threads.setdefault(place, []).append(posted)
        return posted

    def _find(self, workspace: Workspace, body: dict[str, Any]) -> Posted | None:
        place = (workspace.team, str(body.get("channel")), str(body.get("ts")))
        found = self._index.get(place)
        return None if found in self.deleted else found

    def _read(self, workspace: Workspace, body: dict[str, Any]) -> dict[str, Any]:
        place = (workspace.team, str(body.get("channel")), str(body.get("ts", "")))
        there = [one for one in self._threads.get(place, ()) if one not in self.deleted]
        whole, self.ledger = self.ledger, there
        try:
            return super()._read(workspace, body)
        finally:
            self.ledger = whole


def busy_slack() -> FarSlack:
    """Return a far Slack without tiers for a long campaign."""
    return FarSlack(tiers=Unlimited(), messages=IndexedMessages())
