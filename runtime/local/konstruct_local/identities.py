"""UIDs of declared objects, given once and written down, as an API server would give them."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from konstruct_local.documents import Key
from konstruct_local.home import write_atomically


@dataclass(frozen=True)
class Tenancy:
    """What is remembered of a published tenant, to bury it when its file is gone."""

    name: str
    tenant_id: uuid.UUID
    uid: uuid.UUID
    folder: str


class Identities:
    """UIDs by object, and the tenants that were published from which folder.

    A tenant whose file comes back finds its UID again unless it was erased: `forget` then makes the
    next one a new object, as deleting and creating does in a cluster.
    """

    def __init__(self, path: Path, *, new: Callable[[], uuid.UUID] = uuid.uuid4) -> None:
        self._path = path
        self._new = new
        self._uids: dict[str, uuid.UUID] = {}
        self._published: dict[uuid.UUID, Tenancy] = {}
        self._unsaved = False
        self._load()

    @property
    def published(self) -> list[Tenancy]:
        """Every tenant that is published and not buried."""
        return list(self._published.values())

    def uid(self, key: Key) -> uuid.UUID:
        """Return the UID of an object, a new one the first time; `save` writes it down."""
        name = "/".join(key)
        if name not in self._uids:
            self._uids[name] = self._new()
            self._unsaved = True
        return self._uids[name]

    def save(self) -> None:
        """Write down what was given since the last time: before anybody else learns of it."""
        if self._unsaved:
            self._write()

    def publish(self, tenancy: Tenancy) -> None:
        """Remember that a tenant is in the registry."""
        if self._published.get(tenancy.tenant_id) != tenancy:
            self._published[tenancy.tenant_id] = tenancy
            self._write()

    def bury(self, tenancy: Tenancy, *, forget: bool) -> None:
        """Remember that a tenant is out of the registry; `forget` gives its name a new UID."""
        self._published.pop(tenancy.tenant_id, None)
        if forget:
            self._uids.pop(f"Tenant//{tenancy.name}", None)
        self._write()

    def _load(self) -> None:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        self._uids = {name: uuid.UUID(text) for name, text in document["uids"].items()}
        for entry in document["published"]:
            tenancy = Tenancy(
                name=entry["name"],
                tenant_id=uuid.UUID(entry["tenantId"]),
                uid=uuid.UUID(entry["uid"]),
                folder=entry["folder"],
            )
            self._published[tenancy.tenant_id] = tenancy

    def _write(self) -> None:
        document = {
            "uids": {name: str(uid) for name, uid in sorted(self._uids.items())},
            "published": [
                {
                    "name": one.name,
                    "tenantId": str(one.tenant_id),
                    "uid": str(one.uid),
                    "folder": one.folder,
                }
                for one in self._published.values()
            ],
        }
        write_atomically(self._path, json.dumps(document, indent=2) + "\n", mode=0o600)
        self._unsaved = False
