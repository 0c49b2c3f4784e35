"""What workers do to a media: take it, tell how far they are, end it.

Each taking is a new run, and a worker names its run with everything it says. Where the media is in another run by then
(the lease ended and another worker took it, it was cancelled, deleted or is to be processed anew) the worker is told so
and nothing changes: it lets go of what it made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from services.common.media.model import Content, Failure, Label, Media, ModelVersion, Processing, Step
from services.common.media.store import MediaStore, seen
from services.common.media.vocabulary import MediaState
from services.common.queue import Topic

ATTEMPTS_MOST = 5
PHOTO_WORK = Topic("photos", max_attempts=ATTEMPTS_MOST + 1)
VIDEO_WORK = Topic("videos", max_attempts=ATTEMPTS_MOST + 1)
"""A message is the id of a media to be processed. Who claims it once more than it may be tried tells that it failed.

Videos, and animations with them, have a topic of their own: however many of them wait, no photo waits behind them.
"""

UNFINISHED = frozenset({MediaState.NEW, MediaState.PROCESSING})


@dataclass(frozen=True, slots=True)
class Findings:
    """What a worker found in a media, and how its work went."""

    object_counts: Mapping[str, int]
    labels: tuple[Label, ...] = ()
    models: tuple[ModelVersion, ...] = ()
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    """Added to those that the media has."""
    frames: int = 0


class MediaWork:
    """The media as workers see them."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media

    async def begin(self, media_id: str, *, attempt: int, now_ns: int) -> Media | None:
        """Takes a media: the answer's `run` is the worker's. None where there is nothing to do for this message."""

        taken: list[bool] = []

        def edit(media: Media) -> Media | None:
            taken[:] = [media.state in UNFINISHED]
            if not taken[0]:
                return None
            processing = Processing(attempt=attempt, start_time_ns=now_ns)
            return seen(
                media,
                now_ns,
                state=MediaState.PROCESSING,
                run=media.run + 1,
                processing=processing,
                # It is in the queue, or it would not be here.
                unqueued_since_ns=None,
            )

        media = await self._media.change(media_id, edit)
        return media if media is not None and taken[0] else None

    async def progress(
        self, media_id: str, run: int, *, progress: float, frames_done: int = 0, frames_total: int = 0, now_ns: int
    ) -> bool:
        """Tells how far the work is; False when the run is stale, and the worker should stop."""
        return await self._in_run(
            media_id,
            run,
            lambda media: seen(
                media,
                now_ns,
                processing=replace(
                    media.processing, progress=progress, frames_done=frames_done, frames_total=frames_total
                ),
            ),
        )

    async def is_current(self, media_id: str, run: int) -> bool:
        """Whether the run still is the media's: cheaper than telling progress."""
        media = await self._media.find(media_id)
        return media is not None and _is_in_run(media, run)

    async def finish(self, media_id: str, run: int, anonymized: Content, findings: Findings, *, now_ns: int) -> bool:
        """Makes a result the media's; False when the run is stale, and the claim of its content is to be released.

        The content is claimed before and settled after. What it replaces, and objects of other runs, become leftovers.
        """

        def edit(media: Media) -> Media:
            replaced = () if media.anonymized is None else (media.anonymized,)
            clean_run = media.clean_run if media.objects_run is None else min(media.clean_run, media.objects_run)
            processing = replace(
                media.processing,
                progress=1.0,
                frames_done=findings.frames,
                frames_total=findings.frames,
                end_time_ns=now_ns,
                models=findings.models,
                steps=findings.steps,
                error=None,
            )
            return seen(
                media,
                now_ns,
                state=MediaState.PROCESSED,
                anonymized=anonymized,
                processing=processing,
                object_counts=dict(findings.object_counts),
                labels=findings.labels,
                warnings=tuple(dict.fromkeys((*media.warnings, *findings.warnings))),
                objects_run=run,
                clean_run=clean_run,
                leftovers=(*media.leftovers, *replaced),
                unclean_since_ns=now_ns if replaced or clean_run < run else media.unclean_since_ns,
                unqueued_since_ns=None,
            )

        return await self._in_run(media_id, run, edit)

    async def fail(self, media_id: str, run: int | None, failure: Failure, *, now_ns: int) -> bool:
        """Ends the work for good; False when the run is stale. Without a run (a dead letter), whichever it is in."""

        def edit(media: Media) -> Media:
            return seen(
                media,
                now_ns,
                state=MediaState.FAILED,
                run=media.run + 1,
                processing=replace(media.processing, end_time_ns=now_ns, error=failure),
                unclean_since_ns=now_ns,
                unqueued_since_ns=None,
            )

        return await self._in_run(media_id, run, edit)

    async def _in_run(self, media_id: str, run: int | None, edit: Callable[[Media], Media]) -> bool:
        applied: list[bool] = []

        def edit_in_run(media: Media) -> Media | None:
            current = media.state in UNFINISHED if run is None else _is_in_run(media, run)
            applied[:] = [current]
            return edit(media) if current else None

        return await self._media.change(media_id, edit_in_run) is not None and applied[0]


def _is_in_run(media: Media, run: int) -> bool:
    return media.state is MediaState.PROCESSING and media.run == run
