"""CPU time and memory of a process with those below it."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_of_family(number: int) -> float:
    """The CPU seconds of a process and of those below it, with those that ended."""
    return sum(map(_cpu_seconds, _family(number)))


def memory_of_family(number: int) -> int:
    """The resident bytes of a process and of those below it."""
    return sum(map(_resident, _family(number)))


def peak_of_family(number: int) -> int:
    """The most resident bytes that each of them had, in all."""
    return sum(map(_peak, _family(number)))


def private_memory_of_family(number: int) -> int:
    """The resident bytes that none of them shares with another process or a file."""
    return sum(map(_private, _family(number)))


def _family(number: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
    family = {number}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _cpu_seconds(number: int) -> float:
    fields = _stat(number)
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def _stat(number: int) -> list[str]:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _resident(number: int) -> int:
    return _pages(number)[1] * _PAGE_BYTES


def _peak(number: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{number}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _private(number: int) -> int:
    _, resident, shared = _pages(number)
    return (resident - shared) * _PAGE_BYTES


def _pages(number: int) -> tuple[int, int, int]:
    """All, resident and shared ones; none of a process that ended."""
    try:
        whole, resident, shared, *_ = map(int, Path(f"/proc/{number}/statm").read_text().split())
    except (OSError, ValueError):
        return 0, 0, 0
    return whole, resident, shared
