"""Expressions evaluated by Prometheus' own parser, store and engine, built from its Go module."""

import json
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BUILD = Path(__file__).parent / "testbed" / "build.sh"
_TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
_SUFFIXES: Mapping[str, Sequence[str]] = {
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("", "_count", "_sum"),
}


@dataclass(frozen=True)
class Evaluated:
    """What an expression came to: an error, or the names of its metrics and its samples."""

    error: str
    names: tuple[str, ...]
    samples: tuple[tuple[dict[str, str], float], ...]

    def value(self) -> float:
        """Return the value of the only sample."""
        ((_, value),) = self.samples
        return value


@dataclass
class Scrapes:
    """What was scraped so far, by job, in order of time."""

    texts: list[dict[str, Any]] = field(default_factory=list)

    def add(self, job: str, text: str, *, at: float | None = None) -> None:
        """Keep a scrape in the text format, as of `at` (seconds; default: now)."""
        labels = {"job": job, "instance": f"{job}-0"}
        self.texts.append({"at": at or time.time(), "labels": labels, "text": text})

    def names(self) -> set[str]:
        """Return the names of all series that there are or may be, by the families' types."""
        return {
            f"{name}{suffix}"
            for one in self.texts
            for name, kind in _TYPE.findall(one["text"])
            for suffix in _SUFFIXES.get(kind, ("",))
        }

    def evaluate(self, queries: Iterable[str], *, at: float | None = None) -> list[Evaluated]:
        """Return what each expression comes to at `at` (default: now)."""
        made = subprocess.run(
            [str(_BUILD), "prometheus"], check=True, capture_output=True, text=True, timeout=900
        )
        order = {"scrapes": self.texts, "at": at or time.time(), "queries": list(queries)}
        done = subprocess.run(
            [f"{made.stdout.strip()}/prometheus"],
            input=json.dumps(order),
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return [
            Evaluated(
                error=one["error"],
                names=tuple(one["names"] or ()),
                samples=tuple(
                    (sample["labels"] or {}, float(sample["value"]))
                    for sample in one["result"] or ()
                ),
            )
            for one in json.loads(done.stdout)
        ]
