from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.series.chunks import decoded_chunk, decoded_columns, encoded_chunk
from services.common.series.points import Points


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60))
def test_every_bit_of_a_value_comes_back(patterns: list[int]) -> None:
    column = np.array(patterns, dtype=np.int64).view(np.float64)
    times = np.arange(len(patterns)) * 7 + 1_700_000_000_000_000_001
    data = encoded_chunk(Points(times, (column, column[::-1].copy())), ["x", "y"])
    points = decoded_chunk(data, ["x", "y"])
    assert points.times_ns.tolist() == times.tolist()
    assert points.columns[0].view(np.int64).tolist() == patterns
    assert points.columns[1].view(np.int64).tolist() == patterns[::-1]
    assert decoded_columns(data, ["y"])[0].view(np.int64).tolist() == patterns[::-1]


def test_a_chunk_is_a_parquet_file_with_streams_split_by_bytes_under_zstd() -> None:
    data = encoded_chunk(Points(np.arange(1000), (np.linspace(0, 1, 1000),)), ["value"])
    time, value = (pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(at) for at in (0, 1))
    assert (time.path_in_schema, value.path_in_schema) == ("time", "value")
    assert "BYTE_STREAM_SPLIT" in value.encodings
    assert time.compression == value.compression == "ZSTD"
