"""What became of a delivery, and why a turn died, as a person reads it; the cause in words."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from konstruct_portal.language import Translate
from konstruct_portal.standing import BAD, BUSY, GOOD, QUIET
from konstruct_store.attention import DeliveryRow

_CODE = re.compile(r"[A-Za-z0-9_.: -]{1,80}")
_TONES = {
    "Queued": BUSY,
    "Sending": BUSY,
    "Held": BUSY,
    "Sent": GOOD,
    "Refused": BAD,
    "Unknown": BAD,
    "Withheld": QUIET,
}


@dataclass(frozen=True)
class ShownDelivery:
    """A delivery in words. `detail` says why; `code` is the vendor's own word for it."""

    row: DeliveryRow
    tone: str
    label: str
    detail: str
    code: str
    at: datetime
    doubles: bool
    """Sending it again may make it appear twice."""

    @property
    def open(self) -> bool:
        """Whether somebody has to look at it."""
        return self.row.state in {"Refused", "Unknown"} and self.row.closed_at is None

    @property
    def again(self) -> bool:
        """Whether it can be sent again."""
        return self.row.state in {"Refused", "Unknown"}


def show_delivery(row: DeliveryRow, _: Translate) -> ShownDelivery:
    """Return a delivery as pages show it."""
    state = row.state.value
    return ShownDelivery(
        row=row,
        tone=_TONES[state] if row.closed_at is None else QUIET,
        label=_label(row, _),
        detail=_detail(row, _),
        code=row.reason if row.reason and _CODE.fullmatch(row.reason) and _told(row) else "",
        at=row.receipt_at or row.settled_at or row.sending_at or row.queued_at,
        doubles=state == "Unknown",
    )


def _told(row: DeliveryRow) -> bool:
    """Whether the reason is a vendor's word and not one of ours."""
    return row.reason not in {"NotSent", "SentAgain", "Interrupted"}


def _label(row: DeliveryRow, _: Translate) -> str:
    receipts = {"delivered": _("Delivered"), "read": _("Read")}
    if row.state == "Sent" and row.receipt in receipts:
        return receipts[row.receipt]
    return {
        "Queued": _("Waiting to be sent"),
        "Sending": _("Being sent"),
        "Held": _("Held until the person writes"),
        "Sent": _("Sent"),
        "Refused": _("Not delivered"),
        "Unknown": _("Unknown whether delivered"),
        "Withheld": _("Withheld"),
    }[row.state.value]


def _detail(row: DeliveryRow, _: Translate) -> str:
    match row.state.value:
        case "Refused":
            return cause_in_words(row.cause, _)
        case "Queued" if row.reason == "NotSent":
            return _("The channel takes nothing at the moment. It is tried again by itself.")
        case "Queued" if row.tries:
            return _("It may have arrived. The channel is asked before it is sent again.")
        case state:
            return {
                "Held": _(
                    "The channel takes no answer so long after the person's last message. It goes"
                    " out as soon as the person writes."
                ),
                "Unknown": _("The answer of the channel was lost, and it could not be asked."),
                "Withheld": _("A human had taken the conversation over."),
            }.get(state, "")


def cause_in_words(cause: str, _: Translate) -> str:
    """Say why a delivery was refused."""
    return {
        "Content": _("The channel refuses what the message says, for example its length."),
        "Credentials": _("The channel refuses the connection's credentials."),
        "Connection": _("The connection no longer exists."),
        "GaveUp": _("The channel took nothing for a day."),
    }.get(cause) or _("The channel refused it.")


def death_in_words(reason: str, _: Translate) -> str:
    """Say why a turn died. `reason` is a code of ours, or what the agent wrote in English."""
    known: Mapping[str, str] = {
        "DeadlinePassed": _("Nobody answered in time."),
        "AttemptsExhausted": _("The agent broke off again and again while answering."),
        "No model answered": _("No model answered."),
        "The model took too long": _("The model took too long."),
        "The model answered nothing": _("The model answered nothing."),
    }
    found = (words for begins, words in known.items() if reason.startswith(begins))
    return next(found, "") or _("The agent gave up.")


def by_seq(shown: list[ShownDelivery]) -> dict[int, list[ShownDelivery]]:
    """Return deliveries by the entry of the log that they carry."""
    found: dict[int, list[ShownDelivery]] = {}
    for one in shown:
        found.setdefault(one.row.seq, []).append(one)
    return found


def version_of(last_seq: int, shown: list[ShownDelivery]) -> str:
    """Return a text that changes whenever a transcript looks different."""
    states = (f"{one.label}{one.row.attempt}{one.row.closed_at}" for one in shown)
    return f"{last_seq}.{hashlib.sha256('|'.join(states).encode()).hexdigest()[:12]}"
