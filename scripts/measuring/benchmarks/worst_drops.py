"""Prints the memory and CPU time that reading the most expensive drops takes, each in a process of its own.

Each is as large as a drop may be, or as large as the bound on the memory of its values lets it be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from services.processor.drops.parsing.fast_reading import parse_drop
from services.processor.drops.parsing.memory import memory_needed
from services.processor.drops.parsing.outcomes import DropLimits, ParsedDrop
from services.processor.drops.parsing.statistics import compute_statistics

LIMITS = DropLimits()
MOST_MEGABYTES = 200.0
_TIME = '"time_stamp":"2019-05-01T10:00:00Z"'
_GOOD = f'{{{_TIME},"data":[1]'
_DEEP = "[" * 5000


@dataclass(frozen=True, slots=True)
class Reading:
    """The cost and the outcome of reading one drop."""

    name: str
    size_bytes: int
    memory_megabytes: float
    cpu_seconds: float
    outcome: str


def _filled(prefix: str, unit: str, suffix: str) -> Callable[[], bytes]:
    def fill() -> bytes:
        start, one, end = prefix.encode(), unit.encode(), suffix.encode()
        fits = (LIMITS.max_bytes - len(start + end)) // len(one)
        cost = memory_needed(one, 0)
        affordable = (LIMITS.max_memory_bytes - memory_needed(start + end, 0)) // cost if cost else fits
        return start + one * min(fits, affordable) + end

    return fill


def _keys() -> bytes:
    keys = ",".join(f'"{number:x}":0' for number in range(660_000))
    return f'{_GOOD},"a":{{{keys},"\\n":0}}}}'.encode()


def _measurements() -> bytes:
    parts = [
        f'{{"time_stamp":"2019-05-01T{number // 3_600_000:02}:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.'
        f'{number % 1000:03}Z","data":[1.5,2.25,3.125,4.5,5.5,6.25,7.5,8.5]}}'
        for number in range(LIMITS.max_measurements)
    ]
    return f"[{','.join(parts)}]".encode()


DROPS: dict[str, Callable[[], bytes]] = {
    "giant key, then deep": _filled('{"', "k", f'":{_DEEP}'),
    "giant escaped key, then deep": _filled('{"', "\\n", f'":{_DEEP}'),
    "giant text key, then deep": _filled('{"', "\U0001f600", f'":{_DEEP}'),
    "many strings, then deep": _filled('{"a":[', '"",', _DEEP),
    "many numbers, then deep": _filled('{"a":[', "0,", _DEEP),
    "many lists, then deep": _filled('{"a":[', "[],", _DEEP),
    "nothing but depth": lambda: b"[" * LIMITS.max_bytes,
    "too many empty lists": lambda: b"[" + b"[]," * (LIMITS.max_bytes // 3 - 1) + b"0]",
    "empty lists": _filled(f'{_GOOD},"a":[', "[],", "0]}"),
    "nested lists": _filled(f'{_GOOD},"a":[', f"{'[' * 25}{']' * 25},", "0]}"),
    "small objects": _filled(f'{_GOOD},"a":[', '{"":0},', '"\\n"]}'),
    "small numbers, slow": _filled(f'{_GOOD},"a":[', "0,", '"\\n"]}'),
    "floats": _filled(f'{_GOOD},"a":[', "1.5,", "0]}"),
    "text": _filled(f'{_GOOD},"a":[', '"é1",', "0]}"),
    "different keys, slow": _keys,
    "the same key": _filled(_GOOD, ',"a":0', "}"),
    "most measurements": _measurements,
    "bad points": _filled(f'{{{_TIME},"data":[', "[],", "0]}"),
    "points that are no numbers": _filled(f'{{{_TIME},"data":[', "NaN,", "0]}"),
    "lone surrogates": _filled(f'{_GOOD},"a":[', '"\\udc00",', "0]}"),
    "one giant number": _filled(f'{{{_TIME},"data":[', "1", "]}"),
    "giant timestamp": _filled('{"data":[1],"time_stamp":"2019-05-01T10:00:00.', "1", 'Z"}'),
    "widest range": _filled(f'{{{_TIME},"data":[5e-324,', "1e308,", "1]}"),
}


def main() -> int:
    """Prints a line for each drop; fails where one takes more memory than it may."""
    parser = argparse.ArgumentParser(prog="scripts/bench worst_drops", description=__doc__)
    parser.add_argument("--only", choices=DROPS, help="one of them, its figures as JSON")
    arguments = parser.parse_args()
    if arguments.only is not None:
        print(json.dumps(asdict(_read_here(arguments.only))))
        return 0
    most = 0.0
    for name in DROPS:
        reading = read_apart(name)
        most = max(most, reading.memory_megabytes)
        print(
            f"{reading.name:30} {reading.size_bytes / 1e6:5.1f} MB: {reading.memory_megabytes:4.0f} MB, "
            f"{reading.cpu_seconds:5.2f} s CPU, {reading.outcome}",
            flush=True,
        )
    return 1 if most >= MOST_MEGABYTES else 0


def read_apart(name: str) -> Reading:
    """Reads one of the drops in a process of its own, whose peak is that of this drop alone."""
    command = [sys.executable, "-m", "scripts.measuring.benchmarks.worst_drops", "--only", name]
    root = Path(__file__).resolve().parents[3]
    return Reading(**json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout))


def _read_here(name: str) -> Reading:
    raw = DROPS[name]()
    before = _peak_megabytes(from_now=True)
    began = time.process_time()
    parsed = parse_drop(raw, LIMITS)
    if isinstance(parsed, ParsedDrop):
        for one in parsed.measurements:
            compute_statistics(one.points)
        outcome = "taken"
    else:
        outcome = parsed.failures[0].reason.value
    seconds = time.process_time() - began
    return Reading(name, len(raw), _peak_megabytes() - before, seconds, outcome)


def _peak_megabytes(*, from_now: bool = False) -> float:
    if from_now:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
