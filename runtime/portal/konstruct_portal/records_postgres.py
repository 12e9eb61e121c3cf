"""The portal's records in Postgres, through the store."""

from typing import Any

from konstruct_store import Store


class PostgresRecords:
    """Records over an open store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)
