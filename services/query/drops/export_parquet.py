"""Measurements as a Parquet file: row groups are handed on as they are full."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from services.common.drops.measurements import Measurement

ROWS_OF_A_GROUP = 20_000
_INSTANT = pa.timestamp("ns", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("time", _INSTANT, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("mean", pa.float64(), nullable=False),
        pa.field("population_stddev", pa.float64(), nullable=False),
        pa.field("sample_stddev", pa.float64()),
        pa.field("min", pa.float64(), nullable=False),
        pa.field("max", pa.float64(), nullable=False),
        pa.field("receipt", pa.string(), nullable=False),
        pa.field("receive_time", _INSTANT, nullable=False),
        pa.field("process_time", _INSTANT, nullable=False),
    ]
)


class ParquetWriter:
    """See `export.Writer`."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(self._sink, SCHEMA, compression="zstd")
        self._rows: list[Measurement] = []

    def write(self, page: Sequence[Measurement]) -> bytes:
        """Takes measurements; gives bytes when a row group is full."""
        self._rows += page
        if len(self._rows) >= ROWS_OF_A_GROUP:
            self._write_group()
        return self._sink.take()

    def finish(self) -> bytes:
        """The last row group, and the file's footer."""
        if self._rows:
            self._write_group()
        self._writer.close()
        return self._sink.take()

    def _write_group(self) -> None:
        rows, self._rows = self._rows, []
        columns = [
            [one.time_ns for one in rows],
            [one.source for one in rows],
            [one.count for one in rows],
            [one.mean for one in rows],
            [one.population_stddev for one in rows],
            [one.sample_stddev for one in rows],
            [one.min for one in rows],
            [one.max for one in rows],
            [f"receipts/{one.receipt}" for one in rows],
            [one.receive_time_ns for one in rows],
            [one.process_time_ns for one in rows],
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))


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
