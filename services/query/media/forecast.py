"""When the work on a media is expected to be done: from recent media, and from those that wait before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from services.common.base.instants import SECOND_NS
from services.common.media.model import Media
from services.common.media.store import MediaStore
from services.common.media.vocabulary import UNFINISHED, MediaState

VIEW_SECONDS = 2.0
RECENT_MOST = 20
WAITING_MOST = 200
TELLING_PROGRESS = 0.02
"""From this share on, the work done says how long the rest takes."""
UNTAKEN_SECONDS = 30
"""Where no worker has any media of the kind, and one waits for longer, when it will be taken is unknown."""


@dataclass(frozen=True, slots=True)
class WorkView:
    """The work of a mesh as it was seen at an instant."""

    recent: Sequence[Media]
    unfinished: Sequence[Media]
    is_whole: bool = True
    """False if more media wait than are in `unfinished`, all of them uploaded later."""


class WorkForecast:
    """Estimates for unfinished media; the work of the mesh is looked at every 2 s at most."""

    def __init__(self, media: MediaStore, now_ns: Callable[[], int]) -> None:
        self._media = media
        self._now_ns = now_ns
        self._view = WorkView((), ())
        self._viewed: float | None = None
        self._viewing = asyncio.Lock()

    async def end_ns(self, media: Media) -> int | None:
        """When the work on a media is expected to end; None if it has ended, or if that is unknown."""
        if media.state not in UNFINISHED:
            return None
        async with self._viewing:
            if self._viewed is None or time.monotonic() - self._viewed >= VIEW_SECONDS:
                unfinished = await self._media.unfinished(limit=WAITING_MOST)
                recent = await self._media.newest(MediaState.PROCESSED, limit=RECENT_MOST)
                self._view = WorkView(recent, unfinished, len(unfinished) < WAITING_MOST)
                self._viewed = time.monotonic()
        return expected_end_ns(media, self._view, self._now_ns())


def expected_end_ns(media: Media, view: WorkView, now_ns: int) -> int | None:
    """When the work on an unfinished media is expected to end; None if that is unknown."""
    pace_ns = _pace_ns([one for one in view.recent if one.is_moving is media.is_moving])
    if media.state is MediaState.PROCESSING:
        left_ns = _left_ns(media, pace_ns, now_ns)
        return None if left_ns is None else now_ns + left_ns
    others = [one for one in view.unfinished if one.is_moving is media.is_moving and one.id != media.id]
    at_work = [one for one in others if one.state is MediaState.PROCESSING]
    waiting = [one for one in others if one.state is MediaState.NEW]
    if not at_work and now_ns - media.update_time_ns > UNTAKEN_SECONDS * SECOND_NS:
        return None
    if not view.is_whole and all(one.update_time_ns < media.update_time_ns for one in waiting):
        return None
    ahead = [*at_work, *(one for one in waiting if one.update_time_ns < media.update_time_ns)]
    lengths = [_left_ns(one, pace_ns, now_ns) for one in (media, *ahead)]
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths):
        return None
    return now_ns + known[0] + sum(known[1:]) // max(1, len(at_work))


def _pace_ns(recent: Sequence[Media]) -> float | None:
    """The time for each unit of work, in the middle of recent media."""
    paces = [
        (one.processing.end_time_ns - one.processing.start_time_ns) / units
        for one in recent
        if one.processing.start_time_ns is not None
        and one.processing.end_time_ns is not None
        and (units := _units(one)) is not None
    ]
    return median(paces) if paces else None


def _left_ns(media: Media, pace_ns: float | None, now_ns: int) -> int | None:
    """How long the work on a media still takes, once a worker has it."""
    processing = media.processing
    worked_ns = 0
    if media.state is MediaState.PROCESSING and processing.start_time_ns is not None:
        worked_ns = max(0, now_ns - processing.start_time_ns)
        if processing.progress >= TELLING_PROGRESS:
            return round(worked_ns / processing.progress) - worked_ns
    units = _units(media)
    if pace_ns is None or units is None:
        return None
    return max(0, round(units * pace_ns) - worked_ns)


def _units(media: Media) -> float | None:
    """The amount of work in a media: its frames; None if their number is unknown."""
    if not media.is_moving:
        return 1
    known = media.processing.frames_total or media.metadata.frames
    return known or (media.metadata.duration_seconds or 0) * (media.metadata.frame_rate or 0) or None
