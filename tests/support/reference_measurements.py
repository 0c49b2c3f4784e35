"""What a store must hold after some drops, computed apart from the services: the standard library, and no hurry."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

Row = tuple[int, float, float, float | None, float, float]  # count, mean, population and sample deviation, min, max
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def reference_measurements(drops: Iterable[bytes], max_depth: int = 32) -> tuple[dict[int, Row], list[bool]]:
    """Return the rows by instant (nanoseconds) once the drops are received in this order, and which are accepted."""
    rows: dict[int, Row] = {}
    accepted = []
    for raw in drops:
        try:
            document = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
            json.dumps(document, ensure_ascii=False).encode()  # refuses half a surrogate pair
            elements = document if isinstance(document, list) else [document]
            new = [_row(element) for element in elements]
            if not new or _depth(document) > max_depth:
                raise ValueError(raw)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            accepted.append(False)
        else:
            rows.update(new)
            accepted.append(True)
    return rows, accepted


def _row(element: Any) -> tuple[int, Row]:
    if not isinstance(element["data"], list):
        raise TypeError
    day, clock, fraction, offset = _TIME.fullmatch(element["time_stamp"]).groups()  # type: ignore[union-attr]
    second = datetime.strptime(f"{day} {clock} {offset.upper()}", "%Y-%m-%d %H:%M:%S %z")
    since_epoch = (second - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    if not 1970 <= second.astimezone(UTC).year <= 2261 or {type(point) for point in element["data"]} - {int, float}:
        raise ValueError
    points = [float(point) for point in element["data"]]
    if not points or any(point - point != 0 for point in points):
        raise ValueError
    try:
        sample = statistics.stdev(points) if len(points) > 1 else None
    except OverflowError:
        sample = None
    row = (len(points), statistics.mean(points), statistics.pstdev(points), sample, min(points), max(points))
    return since_epoch * 10**9 + int((fraction or "").ljust(9, "0")), row


def _refuse(word: str) -> float:
    raise ValueError(word)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
