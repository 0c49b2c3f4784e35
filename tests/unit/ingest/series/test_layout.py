from __future__ import annotations

import numpy as np
import pytest

from services.common.series.model import Channel, Series
from services.ingest.series.formats.body import RawBody
from services.ingest.series.formats.refusals import SeriesRefused
from services.ingest.series.formats.sniffing import body_format, parsed_body
from services.ingest.series.layout import checked_append
from tests.support.series_bodies import arrow_body, csv_body, npy_body, parquet_body

ONE = {"other": np.array([3.0])}


def append(body: bytes, *channels: Channel) -> None:
    raw = RawBody(body)
    series = Series("s", "ann", "ann", "", {}, channels, False, 1, 1, spacing_hz=1.0)
    checked_append(parsed_body(raw, body_format(raw), 100), series)


@pytest.mark.parametrize(
    ("body", "channel", "found"),
    [
        (b'{"channels": [{"name": "x", "unit": "mm", "values": [1]}]}', Channel("x", "m"), "'x' is in 'm', not 'mm'"),
        (b'{"values": [3], "unit": "mm"}', Channel("value", "g"), "'value' is in 'g', not 'mm'"),
        (b'{"values": [3], "unit": "mm"}', Channel(), "'value' has no unit, not 'mm'"),
    ],
)
def test_an_append_in_another_unit_is_refused(body: bytes, channel: Channel, found: str) -> None:
    with pytest.raises(SeriesRefused, match=f"^unit: channel {found}: ") as refused:
        append(body, channel)
    assert refused.value.metadata == {"field": "unit"}


def test_a_unit_applies_to_the_channels_that_have_none_of_their_own() -> None:
    body = b'{"unit": "g", "channels": [{"name": "x", "values": [1]}, {"name": "y", "unit": "m", "values": [1]}]}'
    append(body, Channel("x", "g"), Channel("y", "m"))
    with pytest.raises(SeriesRefused, match="'y' is in 'g', not 'm'"):
        append(body, Channel("x", "g"), Channel("y", "g"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"channels": [{"name": "other", "values": [3]}]}',
        csv_body(ONE),
        arrow_body(ONE),
        parquet_body(ONE),
    ],
)
@pytest.mark.parametrize("name", ["value", "x"])
def test_an_append_with_another_name_of_a_lone_channel_is_refused(body: bytes, name: str) -> None:
    with pytest.raises(SeriesRefused, match=f"channels: expected {name}, found other"):
        append(body, Channel(name, "m"))
    append(body, Channel("other", "m"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"values": [3]}',
        b'{"values": [3], "unit": "m"}',
        b'{"channels": [{"values": [3]}]}',
        b'{"channels": [{"name": "x", "unit": "m", "values": [3]}]}',
        b"3\n",
        npy_body([np.array([3.0])]),
    ],
)
def test_an_append_may_leave_out_what_the_series_has(body: bytes) -> None:
    append(body, Channel("x", "m"))
