"""Points in each format that they can be sent in, made part by part."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dropmesh.v1 import query_service_pb2
from numpy.lib import format as npy
from pyarrow import csv as arrow_csv

from services.common.series.chunks import parquet_options, points_schema, points_table, values_array
from services.common.series.points import Points, Values
from services.query.series.instants import instant_texts
from services.query.series.json_table import JsonTable
from services.query.series.table import BINARY_VALUES, TEXT_VALUES, Table, TableWriter

Request = query_service_pb2.GetSeriesPointsRequest


def table_writer(form: Request.Format.ValueType, table: Table) -> TableWriter:
    """The writer of a format."""
    if form == Request.CSV:
        return CsvTable(table)
    if form == Request.NPY:
        return NpyTable(table)
    if form == Request.ARROW:
        return ArrowTable(table)
    return ParquetTable(table) if form == Request.PARQUET else JsonTable(table)


class CsvTable:
    """A header line, then a line for each point; numbers in a text that reads back as the same value."""

    passes = 1
    most_values = TEXT_VALUES

    def __init__(self, table: Table) -> None:
        self._names = ["time", *table.columns]
        self._has_header = True

    def wanted(self, take: int) -> Sequence[int] | None:
        """See `TableWriter`."""
        return None

    def write(self, take: int, points: Points) -> bytes:
        """See `TableWriter`."""
        columns = [instant_texts(points.times_ns), *(_texts(column) for column in points.columns)]
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
    return values_array(column).cast(pa.string())


class NpyTable:
    """float64, points by columns, or one dimension for one column; points that are fewer have their times first.

    The header says how many there are: where that is not known, a pass over the times counts them.
    """

    most_values = BINARY_VALUES

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
    most_values = BINARY_VALUES

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
    most_values = BINARY_VALUES

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
