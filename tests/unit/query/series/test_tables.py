from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dropmesh.v1 import query_service_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.series.model import Channel, Series
from services.common.series.points import Points
from services.query.series.table import Table
from services.query.series.tables import table_writer

Request = query_service_pb2.GetSeriesPointsRequest
SERIES = Series("s", "o", "o", "pump", {}, (Channel("x", "m"), Channel("y")), True, 0, 0)
FINITE = st.integers(-(2**63), 2**63 - 1).filter(lambda bits: bits >> 52 & 0x7FF != 0x7FF)
ANY = FINITE | st.just(0x7FF8_0000_0000_0123)


def written(form: int, parts: list[Points], table: Table) -> bytes:
    writer = table_writer(form, table)
    whole = b""
    for take in range(writer.passes):
        wanted = writer.wanted(take)
        for part in parts:
            columns = part.columns if wanted is None else tuple(part.columns[at] for at in wanted)
            whole += writer.write(take, Points(part.times_ns, columns))
        whole += writer.finish(take)
    return whole


def parts_of(patterns: list[int], cut: int) -> list[Points]:
    column = np.array(patterns, dtype=np.int64).view(np.float64)
    times = np.arange(len(column)) * 1_000_000_007 + 1_700_000_000_000_000_001
    whole = Points(times, (column, -column))
    return [whole.part(start, start + cut) for start in range(0, len(whole), cut)]


def read(form: int, data: bytes) -> list[np.ndarray]:
    if form == Request.JSON:
        found = json.loads(data)
        return [
            np.array([np.nan if v is None else v for v in channel["values"]], dtype=float)
            for channel in found["channels"]
        ]
    if form == Request.CSV:
        rows = [line.split(",") for line in data.decode().splitlines()[1:]]
        return [np.array([float(row[at]) for row in rows]) for at in (1, 2)]
    if form == Request.NPY:
        return list(np.load(io.BytesIO(data)).T)
    table = pa.ipc.open_stream(data).read_all() if form == Request.ARROW else pq.read_table(io.BytesIO(data))
    return [table.column(at).to_numpy() for at in (1, 2)]


@pytest.mark.parametrize("form", [Request.JSON, Request.CSV, Request.NPY, Request.ARROW, Request.PARQUET])
@settings(max_examples=60, deadline=None)
@given(patterns=st.lists(ANY, min_size=1, max_size=40), cut=st.integers(1, 50))
def test_each_value_is_read_back_with_its_bits(form: int, patterns: list[int], cut: int) -> None:
    table = Table(SERIES, ("x", "y"), count=None if cut % 2 else len(patterns))
    found = read(form, written(form, parts_of(patterns, cut), table))
    expected = np.array(patterns, dtype=np.int64).view(np.float64)
    for column, wanted in zip(found, (expected, -expected), strict=True):
        # A text knows one NaN.
        is_text = form in (Request.JSON, Request.CSV)
        kept = ~np.isnan(wanted) if is_text else np.ones(len(wanted), dtype=bool)
        assert np.isnan(column[~kept]).all()
        assert column[kept].tobytes() == wanted[kept].tobytes()


@pytest.mark.parametrize("form", [Request.JSON, Request.CSV, Request.NPY, Request.ARROW, Request.PARQUET])
def test_a_table_without_points_is_a_whole_file(form: int) -> None:
    assert [len(column) for column in read(form, written(form, [], Table(SERIES, ("x", "y"))))] in ([0, 0], [])


def test_json_names_channels_units_and_instants() -> None:
    found = json.loads(written(Request.JSON, parts_of([0, 0, 0], 2), Table(SERIES, ("x", "y"))))
    assert found["timestamps"][1] == "2023-11-14T22:13:21.000000008Z"
    assert [(channel["name"], channel["unit"]) for channel in found["channels"]] == [("x", "m"), ("y", "")]
    assert found["start_time"] == "2023-11-14T22:13:20.000000001Z"


@pytest.mark.parametrize(
    ("times_ns", "texts"),
    [
        ([0, 10**9], ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]),
        ([0, 1000], ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z"]),
        ([0, 1001], ["1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:00.000001001Z"]),
    ],
)
def test_instants_in_json_are_exact_to_the_nanosecond(times_ns: list[int], texts: list[str]) -> None:
    points = Points(np.array(times_ns), (np.zeros(2), np.zeros(2)))
    assert json.loads(written(Request.JSON, [points], Table(SERIES, ("x", "y"))))["timestamps"] == texts
