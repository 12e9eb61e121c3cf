"""The recorded shapes that every channel's folder carries, signed as its vendor would sign them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from konstruct_channels.catalogue import load_inbounds, load_specs
from konstruct_channels.inbound import Connection, Inbound, Reading, Webhook
from konstruct_channels.spec import ChannelSpec

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Example:
    """One example of a channel that receives webhooks."""

    spec: ChannelSpec
    inbound: Inbound
    name: str
    content: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.spec.folder}-{self.name}"

    @property
    def body(self) -> bytes:
        """The raw bytes, as compact as vendors send them."""
        if "raw" in self.content:
            return str(self.content["raw"]).encode()
        return self.packed(self.document)

    @property
    def document(self) -> Any:
        """The JSON that the body is, or that a field of its form holds; None: it holds none."""
        if "payload" in self.content:
            return self.content["payload"]
        return self.content.get("body")

    def packed(self, document: Any) -> bytes:
        """Return the body that carries `document` as this example's does."""
        compact = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        if "payload" in self.content:
            return urlencode({"payload": compact}).encode()
        return compact.encode()

    @property
    def credentials(self) -> dict[str, str]:
        return {one.key: f"{one.key}-of-the-tests" for one in self.spec.secret_keys}

    @property
    def connection(self) -> Connection:
        return Connection(
            config=self.content["config"],
            credentials=self.credentials,
            reply_when=self.content.get("reply_when", "Addressed"),
        )

    def webhook(
        self,
        body: bytes | None = None,
        *,
        signed_at: datetime = NOW,
        credentials: Mapping[str, str] | None = None,
    ) -> Webhook:
        """Return a genuine webhook with this body, or the example's own."""
        body = self.body if body is None else body
        vouched = self.inbound.sign(body, credentials or self.credentials, now=signed_at)
        return Webhook("POST", {**self.content["headers"], **vouched}, body)

    def read(self, webhook: Webhook, *, now: datetime = NOW) -> Reading:
        return self.inbound.read(webhook, self.connection, now=now)


def load_examples() -> list[Example]:
    """Return the examples of every channel that receives webhooks, sorted."""
    specs = load_specs()
    inbounds = load_inbounds(specs)
    return [
        Example(spec, inbounds[spec.folder], name, json.loads(text))
        for spec in specs.values()
        if spec.folder in inbounds
        for name, text in sorted(example_files(spec).items())
    ]


def example_files(spec: ChannelSpec) -> dict[str, str]:
    """Return a folder's example files by name."""
    folder = resources.files(f"konstruct_channels.{spec.folder}") / "examples"
    if not folder.is_dir():
        return {}
    return {
        one.name.removesuffix(".json"): one.read_text()
        for one in folder.iterdir()
        if one.name.endswith(".json")
    }
