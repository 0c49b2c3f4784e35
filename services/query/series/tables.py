"""Points in each format that they can be sent in, made part by part."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from dropmesh.v1 import query_service_pb2
from numpy.lib import format as npy
from pyarrow import csv as arrow_csv

from services.common.base.timestamps import format_timestamp
from services.common.series.chunks import parquet_options, points_schema, points_table
from services.common.series.model import Series
from services.common.series.points import Points, Times, Values

Request = query_service_pb2.GetSeriesPointsRequest


@dataclass(frozen=True, slots=True)
class Table:
    """The points to send: `points`, or the series' own if None, with their number if known."""

    series: Series
    columns: tuple[str, ...]
    points: Points | None = None
    count: int | None = None
    is_rollup: bool = False

    @property
    def is_of_all_points(self) -> bool:
        """Whether each point of the series, or of a range of it, is there."""
        return self.points is None


class TableWriter(Protocol):
    """Turns points into bytes; all points are handed over `passes` times, in order."""

    passes: int

    def wanted(self, take: int) -> Sequence[int] | None:
        """The columns that a pass looks at; None for all."""
        ...

    def write(self, take: int, points: Points) -> bytes:
        """Returns the bytes of some more rows."""
        ...

    def finish(self, take: int) -> bytes:
        """Returns the last bytes of the file."""
        ...


def table_writer(form: Request.Format.ValueType, table: Table) -> TableWriter:
    """The writer of a format."""
    if form == Request.CSV:
        return CsvTable(table)
    if form == Request.NPY:
        return NpyTable(table)
    if form == Request.ARROW:
        return ArrowTable(table)
    return ParquetTable(table) if form == Request.PARQUET else JsonTable(table)


class JsonTable:
    """One object, with an array for the instants and one for each column: one pass over the points for each array."""

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
            return start + _instants_json(points.times_ns)[1:-1]
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
        return orjson.dumps(np.datetime_as_string(times_ns.view("datetime64[ns]"), timezone="UTC").tolist())
    # A fifth of the time; it writes six digits of a second, or none.
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    return orjson.dumps(micros.view("datetime64[us]"), option=options)


class CsvTable:
    """A header line, then a line for each point; numbers in a text that reads back as the same value."""

    passes = 1

    def __init__(self, table: Table) -> None:
        self._names = ["time", *table.columns]
        self._has_header = True

    def wanted(self, take: int) -> Sequence[int] | None:
        """See `TableWriter`."""
        return None

    def write(self, take: int, points: Points) -> bytes:
        """See `TableWriter`."""
        times = np.datetime_as_string(points.times_ns.view("datetime64[ns]"), timezone="UTC")
        columns = [pa.array(times.tolist(), pa.string()), *(_texts(column) for column in points.columns)]
        sink = io.BytesIO()
        options = arrow_csv.WriteOptions(include_header=self._has_header, quoting_style="none", quoting_header="none")
        arrow_csv.write_csv(pa.table(columns, names=self._names), sink, options)
        self._has_header = False
        return sink.getvalue()

    def finish(self, take: int) -> bytes:
        """See `TableWriter`."""
        return (",".join(self._names) + "\n").encode() if self._has_header else b""


def _texts(column: Values) -> pa.Array:
    # Arrow writes the shortest text that reads back as the same bits.
    return pa.array(column, pa.float64()).cast(pa.string())


class NpyTable:
    """float64, points by columns, or one dimension for one column; points that are fewer have their times first.

    The header says how many there are: where that is not known, a pass over the times counts them.
    """

    def __init__(self, table: Table) -> None:
        count = table.count if table.points is None else len(table.points)
        self._has_times = not table.is_of_all_points
        self._width = len(table.columns) + self._has_times
        self._count = count or 0
        self.passes = 1 if count is not None else 2
        self._head = b"" if count is None else self._header()

    def wanted(self, take: int) -> Sequence[int] | None:
        """See `TableWriter`."""
        return () if take < self.passes - 1 else None

    def write(self, take: int, points: Points) -> bytes:
        """See `TableWriter`."""
        if take < self.passes - 1:
            self._count += len(points)
            return b""
        head, self._head = self._head, b""
        columns = (points.times_ns / 1e9, *points.columns) if self._has_times else points.columns
        return head + (columns[0].tobytes() if self._width == 1 else np.column_stack(columns).tobytes())

    def finish(self, take: int) -> bytes:
        """See `TableWriter`."""
        if take < self.passes - 1:
            return self._header()
        return self._head

    def _header(self) -> bytes:
        head = io.BytesIO()
        shape = (self._count,) if self._width == 1 else (self._count, self._width)
        npy.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
        return head.getvalue()


class ArrowTable:
    """An IPC stream of the time and a column for each channel."""

    passes = 1

    def __init__(self, table: Table) -> None:
        self._schema = points_schema(table.columns)
        self._sink = _Sink()
        self._writer = pa.ipc.new_stream(self._sink, self._schema)

    def wanted(self, take: int) -> Sequence[int] | None:
        """See `TableWriter`."""
        return None

    def write(self, take: int, points: Points) -> bytes:
        """See `TableWriter`."""
        self._writer.write_batch(points_table(points, self._schema))
        return self._sink.take()

    def finish(self, take: int) -> bytes:
        """See `TableWriter`."""
        self._writer.close()
        return self._sink.take()


class ParquetTable:
    """A Parquet file as the chunks are, with a row group for each part."""

    passes = 1

    def __init__(self, table: Table) -> None:
        self._schema = points_schema(table.columns)
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(self._sink, self._schema, **parquet_options(table.columns))

    def wanted(self, take: int) -> Sequence[int] | None:
        """See `TableWriter`."""
        return None

    def write(self, take: int, points: Points) -> bytes:
        """See `TableWriter`."""
        self._writer.write_batch(points_table(points, self._schema))
        return self._sink.take()

    def finish(self, take: int) -> bytes:
        """See `TableWriter`."""
        self._writer.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """A file that is only ever written on, and whose bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: object) -> int:
        taken = bytes(chunk)  # type: ignore[call-overload]
        self._chunks.append(taken)
        self._place += len(taken)
        return len(taken)

    def tell(self) -> int:
        return self._place

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken
