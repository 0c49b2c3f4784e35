"""The same points as a body of each format."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq


def json_body(columns: dict[str, np.ndarray], times_ns: np.ndarray | None = None) -> bytes:
    channels = [
        {"name": name, "values": [None if np.isnan(value) else value for value in column.tolist()]}
        for name, column in columns.items()
    ]
    body = {"channels": channels, **({} if times_ns is None else {"timestamps": times_ns.tolist()})}
    return orjson.dumps({**body, "allow_gaps": True})


def csv_body(columns: dict[str, np.ndarray], times_ns: np.ndarray | None = None) -> bytes:
    names = [*(["time"] if times_ns is not None else []), *columns]
    rows = [",".join(names)]
    for at in range(len(next(iter(columns.values())))):
        times = [] if times_ns is None else [str(times_ns[at])]
        rows.append(",".join([*times, *("" if np.isnan(c[at]) else repr(float(c[at])) for c in columns.values())]))
    return "\n".join(rows).encode()


def npy_body(columns: Sequence[np.ndarray]) -> bytes:
    sink = io.BytesIO()
    np.save(sink, columns[0] if len(columns) == 1 else np.column_stack(columns))
    return sink.getvalue()


def table(columns: dict[str, np.ndarray], times_ns: np.ndarray | None = None) -> pa.Table:
    found = {} if times_ns is None else {"time": pa.array(times_ns).cast(pa.timestamp("ns", "UTC"))}
    return pa.table({**found, **{name: pa.array(column) for name, column in columns.items()}})


def arrow_body(columns: dict[str, np.ndarray], times_ns: np.ndarray | None = None, *, is_file: bool = False) -> bytes:
    sink = io.BytesIO()
    whole = table(columns, times_ns)
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(sink, whole.schema) as writer:
        writer.write_table(whole)
    return sink.getvalue()


def parquet_body(columns: dict[str, np.ndarray], times_ns: np.ndarray | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table(columns, times_ns), sink)
    return sink.getvalue()
