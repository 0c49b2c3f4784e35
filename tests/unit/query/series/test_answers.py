from __future__ import annotations

from dataclasses import replace

from services.common.caching.recent import Recent
from services.common.catalog.documents import to_document
from services.common.rest.by_hand import answer_json
from services.common.rest.json import json_text
from services.common.series.messages import series_message
from services.common.series.model import Body, Channel, Chunk, Series
from services.query.series.answers import OneSeries

SERIES = Series(
    "s",
    "ann",
    "ann",
    "pump <1>",
    {"room": "ü"},
    (Channel("x", "m"),),
    allow_gaps=False,
    create_time_ns=1_700_000_000_000_000_001,
    update_time_ns=1_700_000_000_000_000_000,
    spacing_hz=25.5,
    rate_is_known=True,
    chunks=(Chunk("k", 3, 100, 5, 7),),
    point_count=3,
    size_bytes=100,
    bodies=(Body("b", "ab", 24, 3, 9, "npy"),),
    version=4,
)


def test_a_series_is_answered_as_its_message_is() -> None:
    answer = OneSeries(to_document(SERIES), Recent(10_000))
    assert answer.message() == series_message(SERIES)
    assert answer_json(answer) == json_text(series_message(SERIES))


def test_the_text_of_a_version_is_made_once_and_that_of_the_next_anew() -> None:
    recent = Recent(10_000)
    first = answer_json(OneSeries(to_document(SERIES), recent))
    assert answer_json(OneSeries(to_document(SERIES), recent)) is first
    changed = replace(SERIES, display_name="other", version=5)
    assert answer_json(OneSeries(to_document(changed), recent)) == json_text(series_message(changed))
