"""Reads of statistics."""

from __future__ import annotations

import time
from collections.abc import Callable

from dropmesh.v1 import query_service_pb2

from services.common.base.instants import utc_day
from services.common.caching.recent import Recent
from services.common.rest.reads.kept import KeptAnswer, KeptAnswers
from services.common.rpc.call import Call
from services.common.statistics.store import StatisticsStore, scope_of
from services.query.statistics.answers import StatisticsAnswer


class StatisticsReads:
    """Reads of statistics."""

    def __init__(
        self,
        statistics: StatisticsStore,
        recent: Recent,
        kept: KeptAnswers,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._statistics = statistics
        self._recent = recent
        self._kept = kept
        self._now_ns = now_ns

    async def GetStatistics(self, request: query_service_pb2.GetStatisticsRequest, call: Call) -> KeptAnswer:
        """Returns the statistics of the caller's media; of all media for the scope `admin`."""
        now_ns = self._now_ns()
        owner = None if call.caller.is_admin else call.caller.owner

        async def read() -> StatisticsAnswer:
            reading = await self._statistics.read(owner, now_ns=now_ns)
            return StatisticsAnswer(scope_of(owner), reading, utc_day(now_ns), self._recent)

        return await self._kept.answer(request, call, read, day=utc_day(now_ns))
