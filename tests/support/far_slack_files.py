"""Slack's files: an upload is given a place, filled, and completed; then people see it.

Facts: https://docs.slack.dev/messaging/working-with-files#upload
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from support.far_slack_messages import Messages, Posted, Workspace

Answer = dict[str, Any]


@dataclass
class FarFile:
    """A file on Slack's side. `shown`: where it was shared, once it was completed."""

    key: str
    team: str
    name: str
    length: int
    data: bytes | None = None
    shown: Posted | None = None


@dataclass
class SharedFiles:
    """The files of all workspaces; a share is a message of the ledger, whose text names the file.

    `hidden`: files.info does not say yet where a file was shared.
    """

    messages: Messages
    base: str = ""
    files: dict[str, FarFile] = field(default_factory=dict)
    hidden: bool = False
    _numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def handle(self, workspace: Workspace, method: str, body: dict[str, Any]) -> Answer:
        """Do what a method asks."""
        scope = "files:read" if method == "files.info" else "files:write"
        if scope not in workspace.scopes.split(","):
            return {"ok": False, "error": "missing_scope", "needed": scope}
        match method:
            case "files.getUploadURLExternal":
                return self._place(workspace, body)
            case "files.completeUploadExternal":
                return self._complete(workspace, body)
            case "files.info":
                return self._info(workspace, body)
            case _:
                return {"ok": False, "error": "unknown_method"}

    async def fill(self, request: web.Request) -> web.Response:
        """Take a file's bytes."""
        file = self.files.get(request.match_info["key"])
        data = await request.read()
        if file is None or len(data) != file.length:
            return web.Response(status=400, text="wrong length")
        file.data = data
        return web.Response(text=f"OK - {len(data)}")

    def _place(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        if not body.get("filename") or not int(body.get("length", 0)):
            return {"ok": False, "error": "invalid_arguments"}
        key = f"F{next(iter(self._numbers)):08d}"
        self.files[key] = FarFile(key, workspace.team, body["filename"], int(body["length"]))
        return {"ok": True, "upload_url": f"{self.base}/upload/{key}", "file_id": key}

    def _complete(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        [given] = json.loads(body.get("files", "[]"))
        file = self._find(workspace, given["id"])
        if file is None or file.data is None or file.shown is not None:
            return {"ok": False, "error": "file_not_found"}
        if not body.get("channel_id"):
            return {"ok": False, "error": "channel_not_found"}
        place = {"channel": body["channel_id"], "thread_ts": body.get("thread_ts", "")}
        file.shown = self.messages.post(workspace, place, text=f"[file {file.name}]")
        return {"ok": True, "files": [{"id": file.key, "title": given.get("title", "")}]}

    def _info(self, workspace: Workspace, body: dict[str, Any]) -> Answer:
        file = self._find(workspace, body.get("file", ""))
        if file is None or file.shown is None:
            return {"ok": False, "error": "file_not_found"}
        shown = file.shown
        shares = {"private": {shown.channel: [{"ts": shown.ts, "thread_ts": shown.thread_ts}]}}
        found = {"id": file.key, "name": file.name, "size": file.length, "mode": "hosted"}
        return {"ok": True, "file": found | ({} if self.hidden else {"shares": shares})}

    def _find(self, workspace: Workspace, key: str) -> FarFile | None:
        file = self.files.get(key)
        return file if file is not None and file.team == workspace.team else None
