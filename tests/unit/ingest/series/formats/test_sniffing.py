from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.series.formats.body import RawBody
from services.ingest.series.formats.refusals import SeriesRefused
from services.ingest.series.formats.sniffing import body_format, parsed_body
from tests.support.series_bodies import arrow_body, csv_body, json_body, npy_body, parquet_body

COLUMNS = {"x": np.array([1.5, -0.0, 5e-324]), "y": np.array([1e308, np.nan, -2.0])}
TIMES = np.array([1_000, 2_000, 1_700_000_000_000_000_001])
BODIES = {
    "json": json_body(COLUMNS, TIMES),
    "csv": csv_body(COLUMNS, TIMES),
    "arrow": arrow_body(COLUMNS, TIMES),
    "arrow file": arrow_body(COLUMNS, TIMES, is_file=True),
    "parquet": parquet_body(COLUMNS, TIMES),
    "npy": npy_body(list(COLUMNS.values())),
}


def bits(values: np.ndarray) -> list[int]:
    return np.ascontiguousarray(values).view(np.int64).tolist()


@pytest.mark.parametrize("is_file", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_each_format_is_known_by_its_bytes_and_read_to_the_bit(name: str, is_file: bool, tmp_path: Path) -> None:
    raw = RawBody(BODIES[name])
    if is_file:
        path = tmp_path / "body"
        path.write_bytes(BODIES[name])
        raw = RawBody.of_file(path)
        path.unlink()
    form = body_format(raw)
    assert form == name.removesuffix(" file")
    body = parsed_body(raw, form, 10)
    (block,) = body.blocks
    assert body.names == ((None, None) if form == "npy" else ("x", "y"))
    for column, stored in zip(COLUMNS.values(), block.columns, strict=True):
        assert bits(stored) == bits(column)
    assert body.has_times is (form != "npy")
    if block.times_ns is not None:
        assert block.times_ns.tolist() == TIMES.tolist()


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"", "SERIES_EMPTY"),
        (b" \n\t", "SERIES_EMPTY"),
        (b"PK\x03\x04rest", "SERIES_FORMAT_UNSUPPORTED"),
        (b"%PDF-1.7", "SERIES_FORMAT_UNSUPPORTED"),
        (b"\x00\x01\x02", "SERIES_FORMAT_UNSUPPORTED"),
    ],
)
def test_what_is_in_no_format_is_refused(start: bytes, reason: str) -> None:
    with pytest.raises(SeriesRefused) as refused:
        body_format(RawBody(start))
    assert refused.value.reason == reasons.ErrorReason.Value(reason)


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(BODIES)),
    cut=st.integers(0, 600),
    place=st.integers(0, 2000),
    data=st.binary(max_size=9),
)
def test_a_damaged_body_is_read_or_refused_and_never_anything_else(
    name: str, cut: int, place: int, data: bytes
) -> None:
    whole = BODIES[name]
    place %= len(whole)
    damaged = whole[:place] + data + whole[place + len(data) :]
    raw = RawBody(damaged[: len(damaged) - cut] if cut < len(damaged) and cut % 3 == 0 else damaged)
    try:
        body = parsed_body(raw, body_format(raw), 1000)
        for block in body.blocks:
            assert all(column.dtype == np.float64 for column in block.columns)
    except SeriesRefused as refused:
        assert refused.message
