from __future__ import annotations

import numpy as np
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.ingest.series.formats import csv_body
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
        (b"x\n1\n9007199254740993\n", "SERIES_VALUE_INVALID", "x[1]"),
        (b"x\n9007199254740992\n\n-9007199254740993", "SERIES_VALUE_INVALID", "x[2]"),
        (b"x,y\n1,2\n1e400,123456789012345678901234567890", "SERIES_VALUE_INVALID", "y[1]"),
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


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (["value", "1", "", "3", "4", "", ""], [[1, None, 3, 4]]),
        (["value", "", "1"], [[None, 1]]),
        (["", "", "value", "1"], [[1]]),
        (["\ufeff", "value", "1"], [[1]]),
        (["value", "1", '""', "", ""], [[1, None]]),
        (["1", "", "", "2", ""], [[1, None, None, 2]]),
        (["", "1", "2"], [[None, 1, 2]]),
        (["x,y", "1,2", "", "3,4", ""], [[1, None, 3], [2, None, 4]]),
        (["", "time,x", "", "7,1", "", "8,2", ""], [[1, 2]]),
    ],
)
def test_an_empty_line_keeps_the_place_of_the_later_values(line_end, lines, columns) -> None:
    (block,) = parse_csv(RawBody(line_end.join(lines).encode())).blocks
    found = [[None if np.isnan(value) else value for value in column.tolist()] for column in block.columns]
    assert found == columns


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n" * 40])
@pytest.mark.parametrize("block_bytes", [8, 9, 10, 11])
def test_empty_lines_are_counted_across_blocks(monkeypatch, line_end, end, block_bytes) -> None:
    monkeypatch.setattr(csv_body, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(csv_body, "_END_BYTES", 7)
    texts = ["1", "", "", "22", "", "333", "", "", "", "", "", "", "", "", "", "", "", "4"]
    text = line_end.join(["value", *texts]) + end
    found = [value for block in parse_csv(RawBody(text.encode())).blocks for value in block.columns[0].tolist()]
    assert [None if np.isnan(value) else value for value in found] == [float(one) if one else None for one in texts]


def test_floats_of_any_size_and_integers_up_to_2_53_are_values() -> None:
    texts = ["9007199254740992", "-09007199254740992", "9007199254740993.0", "1e300", "-1E20", "9007199254740993e0"]
    (block,) = parse_csv(RawBody("\n".join(texts).encode())).blocks
    assert block.columns[0].tolist() == [float(text) for text in texts]
