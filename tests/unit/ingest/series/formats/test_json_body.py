from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.ingest.series.formats.body import RawBody
from services.ingest.series.formats.json_body import parse_json
from services.ingest.series.formats.refusals import SeriesRefused


def test_what_a_body_says_beside_its_points_is_read() -> None:
    body = parse_json(
        RawBody(
            data=b'{"values": [1, 2.5], "sample_rate_hz": 100, "start_time": "2026-01-01T00:00:00+01:00", "unit": "m",'
            b' "display_name": "pump", "labels": {"site": "a"}, "allow_gaps": true}'
        )
    )
    said = body.declared
    assert (said.sample_rate_hz, said.start_ns, said.units) == (100.0, 1_767_222_000_000_000_000, ("m",))
    assert (said.display_name, said.labels, said.allow_gaps) == ("pump", {"site": "a"}, True)
    assert [block.columns[0].tolist() for block in body.blocks] == [[1.0, 2.5]]


@pytest.mark.parametrize(
    ("text", "reason", "named"),
    [
        (b'{"values": [1, "2", 3]}', "SERIES_VALUE_INVALID", "values[1]"),
        (b'{"values": [1, 9007199254740992, 9007199254740993]}', "SERIES_VALUE_INVALID", "values[2]"),
        (b'{"values": [1e300, -9007199254740993, null]}', "SERIES_VALUE_INVALID", "values[1]"),
        (b'{"values": [18446744073709551615]}', "SERIES_VALUE_INVALID", "values[0]"),
        (b'{"values": [1e20,18446744073709551616]}', "SERIES_VALUE_INVALID", "values[1]"),
        (b'{"values": [-9223372036854775809]}', "SERIES_VALUE_INVALID", "values[0]"),
        (b'{"values": [1.5,\n123456789012345678901234567890]}', "SERIES_VALUE_INVALID", "values[1]"),
        (
            b'{"channels": [{"name": "x", "values": [1]}, {"name": "y", "values": [ 1234567890123456789012 ]}]}',
            "SERIES_VALUE_INVALID",
            "y[0]",
        ),
        (b'{"values": [1, 2, true]}', "SERIES_VALUE_INVALID", "values[2]"),
        (b'{"values": 1}', "INVALID_FIELD", "values"),
        (b'{"values": [1], "value": 2}', "INVALID_FIELD", "value"),
        (b'{"unit": "m"}', "INVALID_FIELD", "values"),
        (b'{"values": [1, 2], "timestamps": ["2026-01-01T00:00:00Z"]}', "SERIES_CHANNELS_INVALID", "channels"),
        (b'{"values": [1, 2], "timestamps": ["2026-01-01T00:00:00Z", "x"]}', "SERIES_TIME_INVALID", "timestamps[1]"),
        (b'{"values": [1, 2], "timestamps": [1, "x"]}', "SERIES_TIME_INVALID", "timestamps[1]"),
        (b'{"values": [1], "sample_rate_hz": 0}', "INVALID_FIELD", "sample_rate_hz"),
        (b'{"values": [1], "labels": {"1": "a"}}', "INVALID_FIELD", "labels"),
        (b'{"values": [1], "start_time": "2026-01-01"}', "INVALID_FIELD", "start_time"),
        (b'{"channels": [{"name": "x", "values": [1], "y": 2}]}', "INVALID_FIELD", "channels[0].y"),
        (b"[1, 2]", "SERIES_UNREADABLE", "body"),
        (b'{"values": [1', "SERIES_UNREADABLE", "body"),
    ],
)
def test_an_error_names_the_field_and_the_first_bad_index(text: bytes, reason: str, named: str) -> None:
    with pytest.raises(SeriesRefused) as refused:
        list(parse_json(RawBody(text)).blocks)
    assert refused.value.reason == reasons.ErrorReason.Value(reason)
    assert refused.value.message.startswith(f"{named}: ")


@pytest.mark.parametrize(
    "numbers",
    [
        "9007199254740992, -9007199254740992",
        "9007199254740993.0, 1e300, -1E20",
        "100000000000000000000.0, 123456789012345678901e2, -0.12345678901234567890123",
    ],
)
def test_floats_of_any_size_and_integers_up_to_2_53_are_values(numbers: str) -> None:
    text = f'{{"display_name": "[1, 123456789012345678901234567890]", "values": [{numbers}]}}'
    body = parse_json(RawBody(text.encode()))
    (block,) = body.blocks
    assert block.columns[0].tolist() == [float(number) for number in numbers.split(", ")]
    assert body.declared.display_name == "[1, 123456789012345678901234567890]"
