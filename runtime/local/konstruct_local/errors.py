"""What can go wrong when the product runs on one machine.

LocalError
├── UnusableSystem    something the machine lacks; the message says what to do: exit 1
├── InvalidResources  the folder's YAML is refused; each problem has file, line and reason: exit 1
└── NoAnswer          the chat's other side refuses: say why, exit 1
    ├── NotYours      the conversation is another person's: begin another one
    └── Unreachable   nobody answers there: exit 1, or try again where somebody did before

Messages are sentences to people: marked for translation where they are raised, with their values
apart, and translated where they are shown. `str()` gives the English.
"""

from dataclasses import dataclass


class LocalError(Exception):
    """The root of this package's errors: a marked sentence and the values in it."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.values = values


class UnusableSystem(LocalError):
    """This machine cannot run the embedded mode as it is; the message says what to do."""


class NoAnswer(LocalError):
    """The other side of a terminal chat refuses, or did not answer in time."""


class NotYours(NoAnswer):
    """The conversation belongs to another person."""


class Unreachable(NoAnswer):
    """Nobody answers at the address."""


@dataclass(frozen=True, order=True)
class Fault:
    """One reason why a file is refused. `line` counts from 1; `field` is dotted, may be empty."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        subject = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {subject}{self.reason}"


class InvalidResources(LocalError):
    """The resources folder is refused."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(one) for one in faults).replace("{", "{{"))
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.faults)
