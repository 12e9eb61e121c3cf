"""The only door to Postgres: migrations, named SQL, row-level security.

Here belong the tables, and every transition of the message path as one function with named SQL
files. Here never belong HTTP, channels, Kubernetes, or a statement that another room composes.

Locks are always taken in this order: a connection's dedupe keys, the conversation, its dispatch
row, the turn, usage totals, and last the head of the audit chain. Whoever changes a pending item
holds the conversation's dispatch row; whoever changes a turn holds the turn's row.
"""

from konstruct_store.errors import (
    ConfigurationWrong,
    NotFound,
    Refused,
    RetryLater,
    StoreError,
    TurnLost,
)
from konstruct_store.store import Store

__all__ = [
    "ConfigurationWrong",
    "NotFound",
    "Refused",
    "RetryLater",
    "Store",
    "StoreError",
    "TurnLost",
]
