"""Drafts: what a vendor shows of a reply before it is recorded, as a delivery of its own.

The row is committed before the vendor is called, the vendor's id right after; the turn's end makes
the row the reply's first part (`settle`). Writers are fenced by the turn's attempt.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct_store.identifiers import new_id, token_hash
from konstruct_store.statements import statement
from konstruct_store.store import Store, count_of


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A draft that this attempt of the turn may write.

    `begun`: an earlier attempt, or another replica, may have begun it at the vendor; `vendor_id`
    is empty where nobody noted it.
    """

    tenant_id: UUID
    delivery_id: UUID
    attempt: int
    queued_at: datetime
    vendor_id: str
    begun: bool


async def open_draft(
    store: Store,
    tenant_id: UUID,
    turn_id: UUID,
    attempt: int,
    turn_token: str,
    *,
    hold_seconds: float,
) -> OpenDraft | None:
    """Commit the row of a draft, or take over the turn's; None when it may not be written now.

    That is: the turn is lost, stopped or a human's, an earlier reply is still on its way, or so may
    be a call of whoever had the draft before. Until
    `hold_seconds` have passed or `note_draft` is called nobody sends the reply: the call that
    begins the draft must be surely over by then. Raises RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("outbox/open_draft"),
            *(tenant_id, turn_id, attempt, token_hash(turn_token), new_id(), float(hold_seconds)),
        )
    if row is None:
        return None
    return OpenDraft(
        tenant_id=tenant_id,
        delivery_id=row["delivery_id"],
        attempt=attempt,
        queued_at=row["queued_at"],
        vendor_id=row["vendor_id"] or "",
        begun=row["begun"],
    )


async def note_draft(
    store: Store, draft: OpenDraft, *, vendor_id: str = "", there: bool = True
) -> bool:
    """Note the vendor's id of the draft, or that the vendor certainly has nothing of it.

    False when a later attempt has it, or the reply is being sent already. Raises RetryLater.
    """
    async with store.transaction(draft.tenant_id) as connection:
        found = await connection.fetchval(
            statement("outbox/note_draft"),
            *(draft.tenant_id, draft.delivery_id, draft.attempt, vendor_id or None, there),
        )
    return found is not None


async def hold_draft(store: Store, draft: OpenDraft, *, seconds: float) -> bool:
    """Keep the reply back for `seconds` or until `note_draft`; False when it is recorded already.

    Also when a later attempt has the draft. Raises RetryLater.
    """
    async with store.transaction(draft.tenant_id) as connection:
        status = await connection.execute(
            statement("outbox/hold_draft"),
            *(draft.tenant_id, draft.delivery_id, draft.attempt, float(seconds)),
        )
    return count_of(status) > 0


async def note_shown(store: Store, draft: OpenDraft, text: str) -> bool:
    """Note that the draft shows all of `text`; False when it is no longer this attempt's."""
    async with store.transaction(draft.tenant_id) as connection:
        status = await connection.execute(
            statement("outbox/note_shown"),
            *(draft.tenant_id, draft.delivery_id, draft.attempt, digest_of(text)),
        )
    return count_of(status) > 0


def digest_of(text: str) -> str:
    """Return what `Delivery.shown` is for a draft that shows `text`."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
