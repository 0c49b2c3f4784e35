"""Reads of statistics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from dropmesh.v1 import query_service_pb2, statistics_pb2

from services.common.base.instants import to_timestamp, utc_day
from services.common.media.anonymize.messages import count_messages
from services.common.media.messages import state_number
from services.common.media.vocabulary import MediaState
from services.common.rpc.call import Call
from services.common.statistics.store import StatisticsStore, Totals

CAMERAS_TOLD = 10
DAYS_TOLD = 30


class StatisticsReads:
    """Reads of statistics."""

    def __init__(self, statistics: StatisticsStore, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._statistics = statistics
        self._now_ns = now_ns

    async def GetStatistics(
        self, request: query_service_pb2.GetStatisticsRequest, call: Call
    ) -> statistics_pb2.Statistics:
        """Returns the statistics of the caller's media; of all media for the scope `admin`."""
        now_ns = self._now_ns()
        owner = None if call.caller.is_admin else call.caller.owner
        totals, update_time_ns = await self._statistics.read(owner, now_ns=now_ns)
        message = statistics_message(totals, utc_day(now_ns))
        if update_time_ns:
            message.update_time.CopyFrom(to_timestamp(update_time_ns))
        return message


def statistics_message(totals: Totals, today: str) -> statistics_pb2.Statistics:
    """Returns the totals as a message, with days counted back from today."""
    formats = ranked(totals.formats.items())
    last = date.fromisoformat(today)
    days = [(last - timedelta(days=back)).isoformat() for back in reversed(range(DAYS_TOLD))]
    return statistics_pb2.Statistics(
        name="statistics",
        media_count=sum(count for state, count in totals.states.items() if state != MediaState.DELETED),
        most_popular_format=formats[0].name if formats else "",
        formats=formats,
        top_cameras=ranked(totals.cameras)[:CAMERAS_TOLD],
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


def ranked(counts: Iterable[tuple[str, int]]) -> list[statistics_pb2.NameCount]:
    """Most frequent first, those of one count by name."""
    found = sorted(counts, key=lambda entry: (-entry[1], entry[0]))
    return [statistics_pb2.NameCount(name=name, count=count) for name, count in found]
