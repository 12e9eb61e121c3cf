"""What can go wrong at the store's door, told apart by what the caller must do.

StoreError
├── RetryLater              nothing is wrong with the request: try again later
├── TurnLost                stop working on the turn: somebody else has it, or it is settled
├── Refused                 do not try again as it is
│   ├── UnknownSession      open a new registry session and push what differs
│   ├── StaleSession        another leader took over: stop pushing
│   ├── StaleSequence       a newer push of this tenant was accepted already
│   ├── TenantIdTaken       another tenant holds the id
│   ├── TenantIdErased      the id belonged to an erased tenant and is never given again
│   ├── BudgetExceeded      the month's budget does not cover the call; `kind` says whose
│   ├── AttachmentRefused   an attachment is not the sender's to send, or was sent already
│   ├── ConversationOfAnother   the conversation was begun by another person
│   ├── AgentHasConversation    no human has the conversation: take it over first
│   └── NotFound            there is no such row for this tenant
└── ConfigurationWrong      an operator must mend the database or the settings
"""

from typing import Literal

BudgetKind = Literal["tenant", "agent", "person"]


class StoreError(Exception):
    """The root of this package's errors."""


class RetryLater(StoreError):
    """The database cannot do it now (connection, pool, lock, deadlock, disk).

    After a broken commit it may even have been done: every transition can be repeated.
    """


class TurnLost(StoreError):
    """Attempt or token is not the turn's present one, or the turn is settled (409)."""


class Refused(StoreError):
    """The request contradicts what is recorded; repeating it changes nothing."""


class UnknownSession(Refused):
    """The registry session is newer than any recorded here: this database was restored."""


class StaleSession(Refused):
    """A newer registry session was opened since."""


class StaleSequence(Refused):
    """A push of this tenant with a higher (session, sequence) was accepted before."""


class TenantIdTaken(Refused):
    """The tenant id is held by another name, or by another UID and is not pinned."""


class TenantIdErased(Refused):
    """The tenant with this id was erased; its id is never given again."""


class BudgetExceeded(Refused):
    """What is spent and reserved leaves too little of the month's budget for this call."""

    def __init__(self, kind: BudgetKind) -> None:
        super().__init__(f"The month's budget of the {kind} does not cover the call.")
        self.kind: BudgetKind = kind


class AttachmentRefused(Refused):
    """An attachment is no upload of this person or file of this turn, or was sent already."""


class ConversationOfAnother(Refused):
    """Somebody writes into a conversation that another person began."""


class AgentHasConversation(Refused):
    """A human writes into a conversation that the agent has."""


class NotFound(Refused):
    """The tenant has no such row."""


class ConfigurationWrong(StoreError):
    """The database is not one this version can use; the message says what to do."""
