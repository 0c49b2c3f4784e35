"""A chunk as a Parquet file: the time, and a column for each channel; values come back with the bits they had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.common.series.model import TIME_COLUMN
from services.common.series.points import Points, Times, Values

# It gives memory back at once; Arrow's own allocator keeps some 100 MB of a long series.
pa.set_memory_pool(pa.system_memory_pool())

INSTANT = pa.timestamp("ns", tz="UTC")
COMPRESSION = "zstd"


def points_schema(channels: Sequence[str]) -> pa.Schema:
    """The columns of points."""
    return pa.schema(
        [
            pa.field(TIME_COLUMN, INSTANT, nullable=False),
            *(pa.field(name, pa.float64(), nullable=False) for name in channels),
        ]
    )


def points_table(points: Points, schema: pa.Schema) -> pa.RecordBatch:
    """Points as columns of Arrow, without copying them."""
    return pa.record_batch([_array(points.times_ns, INSTANT), *map(values_array, points.columns)], schema=schema)


def values_array(values: Values) -> pa.Array:
    """Values as a column of Arrow, without copying them."""
    return _array(values, pa.float64())


def _array(numbers: Values | Times, kind: pa.DataType) -> pa.Array:
    # `pa.array` imports pandas wherever it is installed: seconds of a first request, and 40 MB.
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])


def parquet_options(channels: Sequence[str]) -> dict[str, object]:
    """How points are written: what is alike in neighbouring values stands side by side, and compresses."""
    return {
        "compression": COMPRESSION,
        "use_dictionary": False,
        "column_encoding": {
            TIME_COLUMN: "DELTA_BINARY_PACKED",
            **dict.fromkeys(channels, "BYTE_STREAM_SPLIT"),
        },
        "write_statistics": [TIME_COLUMN],
    }


def encoded_chunk(points: Points, channels: Sequence[str]) -> bytes:
    """The points as a Parquet file of one row group."""
    sink = pa.BufferOutputStream()
    schema = points_schema(channels)
    table = pa.Table.from_batches([points_table(points, schema)])
    pq.write_table(table, sink, row_group_size=max(1, len(points)), **parquet_options(channels))
    return bytes(sink.getvalue())


def decoded_chunk(data: bytes, channels: Sequence[str]) -> Points:
    """The points of such a file."""
    table = _read(data, [TIME_COLUMN, *channels])
    return Points(_numbers(table, TIME_COLUMN, np.int64), tuple(_numbers(table, name, np.float64) for name in channels))


def decoded_columns(data: bytes, channels: Sequence[str]) -> tuple[Values, ...]:
    """The values of some channels alone."""
    table = _read(data, list(channels))
    return tuple(_numbers(table, name, np.float64) for name in channels)


def _read(data: bytes, columns: list[str]) -> pa.Table:
    return pq.ParquetFile(pa.BufferReader(data)).read(columns=columns, use_threads=False)


def _numbers(table: pa.Table, name: str, kind: type[Any]) -> Any:
    """A column without copying it. `to_numpy` imports pandas, as `pa.array` does."""
    chunks = table.column(name).chunks
    parts = [np.frombuffer(one.buffers()[1], kind, len(one), 8 * one.offset) for one in chunks]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
