"""CPU time and memory of running processes, read from /proc; and percentiles of samples."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return user and system seconds of a process, its living children and those it reaped."""
    total = 0.0
    for one in (pid, *_children(pid)):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        reaped = fields[13:15] if one == pid else []
        total += sum(int(ticks) for ticks in (*fields[11:13], *reaped)) / TICKS
    return total


def resident_mib(pid: int) -> float:
    """Return the proportional set size of a process and its children in MiB."""
    kilobytes = 0
    for one in (pid, *_children(pid)):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in text.splitlines() if "Pss:" in line[:4])
    return kilobytes / 1024


def pin(pid: int, processor: int) -> None:
    """Bind a process and its threads to one processor."""
    for one in (pid, *_children(pid)):
        for thread in Path(f"/proc/{one}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {processor})


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the samples lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(samples: Iterable[float]) -> str:
    """Return `p50 / p99 / max` of samples given in seconds, in milliseconds."""
    values = [sample * 1000 for sample in samples]
    if not values:
        return "none"
    return f"{percentile(values, 0.5):.1f} / {percentile(values, 0.99):.1f} / {max(values):.1f}"


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
    return found
