"""Points as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from services.common.base.timestamps import format_timestamp
from services.common.series.points import Points, Times
from services.query.series.instants import instants_json
from services.query.series.table import TEXT_VALUES, Table


class JsonTable:
    """One object, with an array for the instants and one for each column: one pass over the points for each array."""

    most_values = TEXT_VALUES

    def __init__(self, table: Table) -> None:
        series = table.series
        self._has_times = not (table.is_of_all_points and series.sample_rate_hz is not None and series.is_contiguous)
        self._table = table
        self.passes = len(table.columns) + self._has_times
        self._begun = -1
        self._first_ns: int | None = None

    def wanted(self, take: int) -> Sequence[int] | None:
        """See `TableWriter`."""
        return () if self._has_times and take == 0 else (take - self._has_times,)

    def write(self, take: int, points: Points) -> bytes:
        """See `TableWriter`."""
        start = b""
        if self._begun < take:
            self._begun = take
            self._first_ns = int(points.times_ns[0]) if self._first_ns is None else self._first_ns
            start = self._start(take)
        else:
            start = b","
        if self._has_times and take == 0:
            return start + _instants_json(points.times_ns)
        column = np.ascontiguousarray(points.columns[0])
        # A gap is null.
        return start + orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]

    def finish(self, take: int) -> bytes:
        """See `TableWriter`."""
        start = b"" if self._begun >= take else self._start(take)
        self._begun = max(self._begun, take)
        last = take == self.passes - 1
        if self._has_times and take == 0:
            return start + b"],"
        place = take - self._has_times
        ends_channel = not self._table.is_rollup or place % 5 == 4
        return start + b"]" + (b"}" if ends_channel else b"") + (b"]}" if last else b"")

    def _start(self, take: int) -> bytes:
        series = self._table.series
        head = b""
        if take == 0:
            rate, first = series.sample_rate_hz, self._first_ns
            described: dict[str, Any] = {"name": series.name}
            if first is not None:
                described["start_time"] = format_timestamp(first)
            if not self._has_times:
                described["sample_rate_hz"] = rate
            head = orjson.dumps(described)[:-1] + b","
        if self._has_times and take == 0:
            return head + b'"timestamps":['
        place = take - self._has_times
        head += b'"channels":[' if place == 0 else b","
        if not self._table.is_rollup:
            channel = series.channels[place]
            return head + orjson.dumps({"name": channel.name, "unit": channel.unit})[:-1] + b',"values":['
        channel = series.channels[place // 5]
        summary = self._table.columns[place].rpartition(".")[2]
        if place % 5 == 0:
            head += orjson.dumps({"name": channel.name, "unit": channel.unit})[:-1] + b","
        return head + b'"' + summary.encode() + b'":['


def _instants_json(times_ns: Times) -> bytes:
    micros, left = np.divmod(times_ns, 1000)
    if left.any():
        return instants_json(times_ns)
    # It writes six digits of a second, or none.
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    return orjson.dumps(micros.view("datetime64[us]"), option=options)[1:-1]
