"""The steps of a worker on a media: take it, report progress, end it.

Each taking is a new run, and a worker names its run with each call. Where the media is in another run by then (the
lease ended and another worker took it, it was cancelled, deleted or is to be processed again) nothing changes and the
call returns False: the worker releases what it made.
"""

from __future__ import annotations

from collections.abc import Callable

from services.common.media import transitions
from services.common.media.model import Content, Failure, Media
from services.common.media.store import MediaStore
from services.common.media.transitions import Findings
from services.common.queue import Topic

ATTEMPTS_MOST = 5
PHOTO_WORK = Topic("photos", max_attempts=ATTEMPTS_MOST + 1)
VIDEO_WORK = Topic("videos", max_attempts=ATTEMPTS_MOST + 1)
"""A message is the id of a media to be processed. A worker that claims one after the last attempt gives it up.

Videos, and animations with them, have a topic of their own: however many of them wait, no photo waits behind them.
"""


class MediaWork:
    """The media as workers see them."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media

    async def begin(self, media_id: str, *, attempt: int, now_ns: int) -> Media | None:
        """Takes a media: the answer's `run` is the worker's. None where there is nothing to do for this message."""
        return await self._change(media_id, lambda media: transitions.take(media, attempt=attempt, now_ns=now_ns))

    async def progress(
        self, media_id: str, run: int, *, progress: float, frames_done: int = 0, frames_total: int = 0, now_ns: int
    ) -> bool:
        """Reports how far the work is; False when the run is stale, and the worker should stop."""
        changed = await self._change(
            media_id,
            lambda media: transitions.report_progress(
                media, run, progress=progress, frames_done=frames_done, frames_total=frames_total, now_ns=now_ns
            ),
        )
        return changed is not None

    async def is_current(self, media_id: str, run: int) -> bool:
        """Whether the run still is the media's: cheaper than reporting progress."""
        media = await self._media.find(media_id)
        return media is not None and transitions.is_in_run(media, run)

    async def finish(self, media_id: str, run: int, anonymized: Content, findings: Findings, *, now_ns: int) -> bool:
        """Makes a result the media's; False when the run is stale, and the claim of its content is to be released.

        The content is claimed before and settled after.
        """
        changed = await self._change(
            media_id, lambda media: transitions.finish(media, run, anonymized, findings, now_ns=now_ns)
        )
        return changed is not None

    async def fail(self, media_id: str, run: int | None, failure: Failure, *, now_ns: int) -> bool:
        """Ends the work for good; False when the run is stale. Without a run (a dead letter), in any run."""

        def edit(media: Media) -> Media | None:
            if run is None:
                return transitions.give_up(media, failure, now_ns=now_ns)
            return transitions.fail(media, run, failure, now_ns=now_ns)

        return await self._change(media_id, edit) is not None

    async def _change(self, media_id: str, edit: Callable[[Media], Media | None]) -> Media | None:
        """As the store's `change`, but None too where `edit` left the media as it is."""
        edited: list[bool] = []

        def edit_once_more(media: Media) -> Media | None:
            changed = edit(media)
            edited[:] = [changed is not None]
            return changed

        media = await self._media.change(media_id, edit_once_more)
        return media if edited and edited[0] else None
