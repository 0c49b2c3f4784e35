from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.ingest.series.formats.body import RawBody
from services.ingest.series.formats.csv_body import parse_csv
from services.ingest.series.formats.refusals import SeriesRefused


@pytest.mark.parametrize(
    ("text", "names", "times", "columns"),
    [
        (b"1\n2\n3\n", (None,), None, [[1, 2, 3]]),
        (b"value\n1\n2\n", ("value",), None, [[1, 2]]),
        (b"\xef\xbb\xbfx, y\r\n1, 2\r\n3, 4\r\n", ("x", "y"), None, [[1, 3], [2, 4]]),
        (b"time,x\n1970-01-01T00:00:01Z,5\n1970-01-01T01:00:02+01:00,6\n", ("x",), [10**9, 2 * 10**9], [[5, 6]]),
        (b"timestamp,x\n7,5\n8,6", ("x",), [7, 8], [[5, 6]]),
        (b"time;x;y\n7;5;1.5\n8;6;2.5", ("x", "y"), [7, 8], [[5, 6], [1.5, 2.5]]),
        (b"time\tx\n1970-01-01T00:00:01Z\t5\n", ("x",), [10**9], [[5]]),
        (b"1;2\n3;4", (None, None), None, [[1, 3], [2, 4]]),
        (b"1970-01-01T00:00:00.000000007Z,5\n1970-01-01 00:00:00.000000008Z,6", (None,), [7, 8], [[5, 6]]),
    ],
)
def test_a_header_and_times_are_there_or_not(text, names, times, columns) -> None:
    body = parse_csv(RawBody(text))
    (block,) = body.blocks
    assert (body.names, body.has_times) == (names, times is not None)
    assert [column.tolist() for column in block.columns] == columns
    assert times is None or block.times_ns.tolist() == times


@pytest.mark.parametrize(
    ("text", "reason", "named"),
    [
        (b"x\n1\noops\n3", "SERIES_VALUE_INVALID", "x[1]"),
        (b"x,y\n1,2\n3,1_0", "SERIES_VALUE_INVALID", "y[1]"),
        (b"time,x\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:00,1", "SERIES_TIME_INVALID", "timestamps[1]"),
        (b"time,x\n2026-01-01T00:00:00Z,1\n,1", "SERIES_TIME_INVALID", "timestamps[1]"),
        (b"x,y\n1,2\n3", "SERIES_UNREADABLE", "body"),
        (b"time\n7", "SERIES_UNREADABLE", "body"),
    ],
)
def test_an_error_names_the_first_bad_index(text: bytes, reason: str, named: str) -> None:
    with pytest.raises(SeriesRefused) as refused:
        list(parse_csv(RawBody(text)).blocks)
    assert refused.value.reason == reasons.ErrorReason.Value(reason)
    assert refused.value.message.startswith(f"{named}: ")
