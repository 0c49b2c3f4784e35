from __future__ import annotations

from dataclasses import replace

from dropmesh.v1 import media_pb2, statistics_pb2

from services.common.caching.recent import Recent
from services.common.rest.json import json_text
from services.common.statistics.store import Reading, Totals
from services.query.statistics.answers import StatisticsAnswer

TODAY = "2026-03-01"
TOTALS = Totals(
    states={"new": 2, "deleted": 1},
    formats={"png": 1, "jpeg": 1},
    days={"2026-02-28": 1, "2026-03-01": 2, "2026-01-30": 9},
    cameras=tuple((f"camera {number:02}", number) for number in range(1, 15)),
)
READING = Reading(TOTALS, 1_772_323_200_000_000_000, 7, is_folded=True)


def answer(reading: Reading = READING, recent: Recent | None = None, today: str = TODAY) -> StatisticsAnswer:
    return StatisticsAnswer("owner:ann", reading, today, recent or Recent(10**6))


def test_thirty_days_and_ten_cameras_are_shown() -> None:
    message = answer().message()
    assert message.media_count == 2
    assert message.most_popular_format == "jpeg"
    assert [entry.name for entry in message.top_cameras] == [f"camera {number:02}" for number in range(14, 4, -1)]
    assert len(message.uploads_per_day) == 30
    assert (message.uploads_per_day[0].day, message.uploads_per_day[0].count) == ("2026-01-31", 0)
    assert [entry.count for entry in message.uploads_per_day][-2:] == [1, 2]
    assert {media_pb2.Media.State.Name(entry.state): entry.count for entry in message.states}["DELETED"] == 1


def test_the_json_is_that_of_the_message() -> None:
    for reading in (READING, replace(READING, is_folded=False), Reading(Totals(), 0, 0, is_folded=True)):
        one = answer(reading)
        assert one.json_text() == json_text(one.message())
        assert statistics_pb2.Statistics.FromString(one.SerializeToString()) == one.message()


def test_statistics_that_are_read_again_show_what_changed() -> None:
    recent = Recent(10**6)
    first = answer(recent=recent).json_text()
    assert answer(recent=recent).json_text() == first
    more = replace(TOTALS, storage_bytes=5)
    for reading in (
        replace(READING, totals=more, version=8),
        # Not folded yet, so of the same version.
        replace(READING, totals=more, is_folded=False),
        # Erased and begun anew.
        replace(READING, totals=more, update_time_ns=READING.update_time_ns + 1),
    ):
        changed = answer(reading, recent)
        assert changed.json_text() == json_text(changed.message()) != first
    tomorrow = answer(recent=recent, today="2026-03-02")
    assert tomorrow.json_text() == json_text(tomorrow.message()) != first
