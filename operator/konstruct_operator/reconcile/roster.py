"""Which tenant is where: by name, by namespace and by id, so that nobody searches through all."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

_Index = TypeVar("_Index")


class Roster:
    """The tenants there are, as the last look at each found them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[UUID, str]] = {}
        self._namespaces: dict[str, set[str]] = {}
        self._ids: dict[UUID, set[str]] = {}

    def enter(self, name: str, tenant_id: UUID, namespace: str) -> None:
        """Remember where a tenant is; two may claim one namespace or one id."""
        if self._known.get(name) == (tenant_id, namespace):
            return
        self.forget(name)
        self._known[name] = (tenant_id, namespace)
        self._namespaces.setdefault(namespace, set()).add(name)
        self._ids.setdefault(tenant_id, set()).add(name)

    def forget(self, name: str) -> str:
        """Drop a tenant and return its namespace; '' when it is not known."""
        known = self._known.pop(name, None)
        if known is None:
            return ""
        tenant_id, namespace = known
        _leave(self._namespaces, namespace, name)
        _leave(self._ids, tenant_id, name)
        return namespace

    def names(self) -> list[str]:
        """Return the names of all tenants."""
        return list(self._known)

    def namespace_of(self, name: str) -> str:
        """Return the namespace of a tenant; '' when it is not known."""
        known = self._known.get(name)
        return "" if known is None else known[1]

    def of_namespace(self, namespace: str) -> list[str]:
        """Return the names of the tenants that claim a namespace, in their order."""
        return sorted(self._namespaces.get(namespace, ()))

    def of_ids(self, tenant_ids: Iterable[UUID]) -> list[str]:
        """Return the names of the tenants with these ids."""
        return [name for one in tenant_ids for name in sorted(self._ids.get(one, ()))]


def _leave(index: dict[_Index, set[str]], key: _Index, name: str) -> None:
    names = index[key]
    names.discard(name)
    if not names:
        del index[key]
