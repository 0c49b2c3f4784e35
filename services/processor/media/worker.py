"""Takes media from the queue and anonymizes them, in loops that each work on one at a time."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError, FailedPrecondition, InvalidArgument
from services.common.base.telemetry import Metrics
from services.common.contents.store import Contents, Holder
from services.common.contents.writer import ContentWriter
from services.common.media.detected_objects import MediaObjects
from services.common.media.model import Content, Media
from services.common.media.transitions import Findings, failure_of
from services.common.media.vocabulary import MediaKind
from services.common.media.work import ATTEMPTS_MOST, PHOTO_WORK, VIDEO_WORK, MediaWork
from services.common.objects import Objects
from services.common.queue import Claim, Queue, Topic
from services.common.workers.errors import JobCrashed
from services.common.workers.pool import ProcessPool
from services.processor.media.job_results import AnonymizedMedia, Limits
from services.processor.media.jobs import Tools, anonymize_media
from services.processor.vision.stopwatch import Stopwatch

LEASE = timedelta(seconds=10)
WAIT = timedelta(seconds=30)
FRAME_TIME = timedelta(seconds=0.5)
READ_BYTES = 1024 * 1024
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MediaStores:
    """Where a worker's media come from and go to."""

    queue: Queue
    objects: Objects
    work: MediaWork
    contents: Contents
    found: MediaObjects


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long the work on one media may take."""

    photo: timedelta
    video: timedelta

    def of(self, media: Media) -> timedelta:
        """The limit for a media; an animation has more time for each frame."""
        if media.kind is MediaKind.VIDEO:
            return self.video
        return self.photo + ((media.metadata.frames or 1) - 1) * FRAME_TIME


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker does what it does beside the work."""

    look_seconds: float = 0.5
    """It checks for a cancellation or deletion of its media, and reports its progress."""
    heartbeat_seconds: float = 3.0
    """It extends its lease."""
    retry_after: timedelta = timedelta(seconds=2)
    """It puts off what may go better later."""


class MediaWorker:
    """Claims, takes, makes, stores and acknowledges media, photos and videos in loops of their own."""

    def __init__(
        self,
        stores: MediaStores,
        pool: ProcessPool[Tools],
        limits: Limits,
        times: TimeLimits,
        folder: Path,
        metrics: Metrics,
        now_ns: Callable[[], int],
        pace: Pace = Pace(),
    ) -> None:
        self._stores = stores
        self._pool = pool
        self._limits = limits
        self._times = times
        self._folder = folder
        self._metrics = metrics
        self._now_ns = now_ns
        self._pace = pace

    async def run(self, stopping: asyncio.Event) -> None:
        """Works on photos until stopped; unfinished work then goes back to the queue."""
        await self._run(PHOTO_WORK, stopping)

    async def run_videos(self, stopping: asyncio.Event) -> None:
        """The same for videos and animations; those that no such loop is free for wait in the queue."""
        await self._run(VIDEO_WORK, stopping)

    async def _run(self, topic: Topic, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            claiming = asyncio.create_task(self._stores.queue.claim(topic, limit=1, lease=LEASE, wait=WAIT))
            await _first(claiming, stopping)
            for claim in await claiming if claiming.done() and not claiming.cancelled() else ():
                working = asyncio.create_task(self._work(claim))
                await _first(working, stopping)
                if working.cancelled():
                    await self._stores.queue.release(claim, reason="the worker was stopped")
                else:
                    await working

    async def _work(self, claim: Claim) -> None:
        media_id = claim.body.decode()
        if claim.attempt > ATTEMPTS_MOST:
            await self._give_up(media_id, claim)
            return
        media = await self._stores.work.begin(media_id, attempt=claim.attempt, now_ns=self._now_ns())
        if media is None:
            await self._stores.queue.acknowledge([claim])
            return
        with self._metrics.work_in_progress.labels("media").track_inprogress():
            outcome = await self._try(media, claim)
        self._metrics.work_done.labels("media", outcome).inc()

    async def _try(self, media: Media, claim: Claim) -> str:
        queue = self._stores.queue
        try:
            finished = await self._anonymize(media, claim)
        except JobCrashed as error:
            # The content may be to blame, or the machine: only when every attempt ends so is it the content.
            if claim.attempt < ATTEMPTS_MOST:
                await queue.release(claim, reason=error.message, delay=self._pace.retry_after)
                return "released"
            return await self._fail(media, claim, error)
        except (InvalidArgument, FailedPrecondition) as error:
            return await self._fail(media, claim, error)
        except DropmeshError as error:
            log.warning("the work on a media is put off", extra={"media": media.id, "cause": error.message})
            await queue.release(claim, reason=error.message, delay=self._pace.retry_after)
            return "released"
        except Exception as fault:
            log.exception("unexpected exception in the work on a media", extra={"media": media.id})
            await queue.release(claim, reason=repr(fault), delay=self._pace.retry_after)
            return "released"
        await queue.acknowledge([claim])
        return "finished" if finished else "stale"

    async def _anonymize(self, media: Media, claim: Claim) -> bool:
        """Makes and stores the result; False when the media went another way meanwhile."""
        watch = Stopwatch()
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            source, target = Path(name) / "original", Path(name) / "anonymized"
            with watch.step("fetch"):
                await self._stores.objects.fetch(media.original.object_key, source)
            result = await self._make(media, claim, source, target)
            if result is None:
                return False
            with watch.step("store"):
                content = await self._store(media, result, target)
            fetched, stored = watch.steps
            findings = replace(result.findings, steps=(fetched, *result.findings.steps, stored))
            return await self._show(media, content, findings)

    async def _make(self, media: Media, claim: Claim, source: Path, target: Path) -> AnonymizedMedia | None:
        reports: list[tuple[int, int]] = []
        job = asyncio.create_task(
            self._pool.run(
                anonymize_media,
                media.kind,
                source,
                target,
                media.anonymize,
                self._limits,
                time_limit=self._times.of(media),
                on_progress=reports.append,
                is_long=media.is_moving,
            )
        )
        try:
            async with self._watched(media, claim, job, reports):
                return await job
        except asyncio.CancelledError:
            if job.cancelled() and not _is_cancelled():
                return None
            raise

    @asynccontextmanager
    async def _watched(
        self, media: Media, claim: Claim, job: asyncio.Task[AnonymizedMedia], reports: list[tuple[int, int]]
    ) -> AsyncIterator[None]:
        """Keeps the lease while a job runs, reports progress, and ends it when the media was cancelled or deleted."""
        watching = asyncio.create_task(self._watch(media, claim, job, reports))
        try:
            yield
        finally:
            job.cancel()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(
        self, media: Media, claim: Claim, job: asyncio.Task[AnonymizedMedia], reports: list[tuple[int, int]]
    ) -> None:
        loop = asyncio.get_running_loop()
        extended = loop.time()
        while True:
            await asyncio.sleep(self._pace.look_seconds)
            wanted = await self._report(media, reports)
            if loop.time() - extended >= self._pace.heartbeat_seconds:
                wanted = await self._stores.queue.extend(claim, LEASE) and wanted
                extended = loop.time()
            if not wanted:
                job.cancel()
                return

    async def _report(self, media: Media, reports: list[tuple[int, int]]) -> bool:
        work = self._stores.work
        if not reports:
            return await work.is_current(media.id, media.run)
        done, total = reports[-1]
        reports.clear()
        return await work.progress(
            media.id,
            media.run,
            progress=min(0.99, done / total) if total else 0.0,
            frames_done=done,
            frames_total=total,
            now_ns=self._now_ns(),
        )

    async def _store(self, media: Media, result: AnonymizedMedia, target: Path) -> Content:
        stores, holder = self._stores, f"{media.id}/anonymized/{media.run}"
        await stores.found.write(media.id, media.run, result.objects)
        writer = ContentWriter(stores.objects, self._now_ns())
        try:
            with target.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, READ_BYTES):
                    await writer.write(chunk)
            written = await writer.commit()
        finally:
            await writer.abort()
        claimed = Holder(media.id, holder, self._now_ns())
        key = await stores.contents.claim(written.sha256, written.object_key, written.size_bytes, claimed)
        return Content(written.sha256, key, holder, result.format, result.content_type, written.size_bytes)

    async def _show(self, media: Media, content: Content, findings: Findings) -> bool:
        """Makes what is stored the media's; False when the media went another way meanwhile."""
        stores = self._stores
        if await stores.work.finish(media.id, media.run, content, findings, now_ns=self._now_ns()):
            await stores.contents.settle([(content.sha256, content.holder)])
            return True
        await stores.contents.release(content.sha256, content.holder)
        return False

    async def _fail(self, media: Media, claim: Claim, error: DropmeshError) -> str:
        # The content is at fault and the media says so: the message is done with.
        await self._stores.work.fail(media.id, media.run, failure_of(error), now_ns=self._now_ns())
        await self._stores.queue.acknowledge([claim])
        return "failed"

    async def _give_up(self, media_id: str, claim: Claim) -> None:
        error = FailedPrecondition(
            reasons.PROCESSING_GIVEN_UP,
            f"each of {ATTEMPTS_MOST} attempts broke off",
            metadata={"attempts": str(ATTEMPTS_MOST)},
        )
        await self._stores.work.fail(media_id, None, failure_of(error), now_ns=self._now_ns())
        await self._stores.queue.reject(claim, reason=error.message)
        self._metrics.work_done.labels("media", "given up").inc()


async def _first(task: asyncio.Task[object], stopping: asyncio.Event) -> None:
    """Waits for the task; cancels it when the stop comes first."""
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    finally:
        stop.cancel()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
