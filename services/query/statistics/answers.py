"""Statistics as an answer: the JSON is made once for each folding, and a message for gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from dropmesh.v1 import statistics_pb2

from services.common.base.instants import to_timestamp
from services.common.caching.recent import Recent
from services.common.media.anonymize.messages import count_messages
from services.common.media.messages import state_number
from services.common.media.vocabulary import MediaState
from services.common.rest.by_hand import ByHand
from services.common.rest.json import json_text
from services.common.statistics.store import Reading

CAMERAS_SHOWN = 10
DAYS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class StatisticsAnswer(ByHand):
    """The statistics of a scope as they were read, with days counted back from today."""

    scope: str
    reading: Reading
    today: str
    recent: Recent

    def message(self) -> statistics_pb2.Statistics:
        """The message."""
        totals = self.reading.totals
        formats = _ranked(totals.formats.items())
        last = date.fromisoformat(self.today)
        days = [(last - timedelta(days=back)).isoformat() for back in reversed(range(DAYS_SHOWN))]
        update_time_ns = self.reading.update_time_ns
        return statistics_pb2.Statistics(
            name="statistics",
            update_time=to_timestamp(update_time_ns) if update_time_ns else None,
            media_count=sum(count for state, count in totals.states.items() if state != MediaState.DELETED),
            most_popular_format=formats[0].name if formats else "",
            formats=formats,
            top_cameras=_ranked(totals.cameras)[:CAMERAS_SHOWN],
            uploads_per_day=[statistics_pb2.DayCount(day=day, count=totals.days.get(day, 0)) for day in days],
            states=[
                statistics_pb2.StateCount(state=state_number(state), count=totals.states.get(state, 0))
                for state in MediaState
            ],
            objects=count_messages(list(totals.objects.items())),
            duplicate_count=totals.duplicates,
            duplicate_bytes=totals.duplicate_bytes,
            storage_bytes=totals.storage_bytes,
        )

    def json_text(self) -> bytes:
        """See ByHand."""
        reading = self.reading
        if not reading.is_folded:
            return json_text(self.message())
        # Statistics that were erased and begun anew may have an old version, and have another time.
        key = ("statistics", self.scope, reading.version, reading.update_time_ns, self.today)
        text: bytes | None = self.recent.get(key)
        if text is None:
            text = json_text(self.message())
            self.recent.keep(key, text, len(text))
        return text


def _ranked(counts: Iterable[tuple[str, int]]) -> list[statistics_pb2.NameCount]:
    """Most frequent first, those of one count by name."""
    found = sorted(counts, key=lambda entry: (-entry[1], entry[0]))
    return [statistics_pb2.NameCount(name=name, count=count) for name, count in found]
