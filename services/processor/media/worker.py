"""Takes media from the queue and anonymizes them, in loops that each work on one at a time."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.background import PutOff
from services.common.base.errors import (
    DataLoss,
    DropmeshError,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from services.common.base.loops import Backoff, pause, until_stopped
from services.common.base.telemetry import Metrics
from services.common.contents.store import Contents, Holder
from services.common.contents.writer import ContentWriter
from services.common.media.detected_objects import MediaObjects
from services.common.media.model import Content, Media, Step
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.media.transitions import Findings, failure_of
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.media.work import ATTEMPTS_MOST, LEASE, HeldByAnother, MediaWork
from services.common.objects import Objects
from services.common.objects.checking import fetch
from services.common.queue import LEASE_ENDED, Claim, Queue, Topic
from services.common.tracing import Tracing
from services.common.workers.errors import JobCrashed
from services.common.workers.pool import ProcessPool
from services.processor.media.holding import USUAL_PACE, Holding, Pace
from services.processor.media.job_results import AnonymizedMedia, Limits
from services.processor.media.jobs import Tools, anonymize_media
from services.processor.media.machine import MachineFault, Troubles, cause_of, is_of_machine
from services.processor.vision.stopwatch import Stopwatch

WAIT = timedelta(seconds=30)
FRAME_TIME = timedelta(seconds=0.5)
READ_BYTES = 1024 * 1024
# How long a worker that stops, or that lost a store, tries to hand back what it has.
PUT_BACK_SECONDS = 3.0
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
        put_off: PutOff,
        now_ns: Callable[[], int],
        pace: Pace = USUAL_PACE,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or Tracing()
        self._stores = stores
        self._pool = pool
        self._limits = limits
        self._times = times
        self._folder = folder
        self._metrics = metrics
        self._put_off_work = put_off
        self._now_ns = now_ns
        self._pace = pace
        self._troubles = Troubles(now_ns)

    async def run(self, stopping: asyncio.Event) -> None:
        """Works on photos until stopped; unfinished work then goes back to the queue."""
        await self._run(PHOTO_WORK, stopping)

    async def run_videos(self, stopping: asyncio.Event) -> None:
        """The same for videos and animations; those that no such loop is free for wait in the queue."""
        await self._run(VIDEO_WORK, stopping)

    async def _run(self, topic: Topic, stopping: asyncio.Event) -> None:
        backoff = Backoff(*self._pace.away_seconds)
        while not stopping.is_set():
            try:
                for claim in await until_stopped(self._claim(topic), stopping) or ():
                    media = await self._begin(claim)
                    if media is not None:
                        await until_stopped(self._work(media, claim), stopping)
            except (Unavailable, ResourceExhausted, MachineFault) as error:
                self._troubles.note()
                self._put_off_work.begin(topic.name, cause_of(error))
                seconds = backoff.failed()
                extra = {"topic": topic.name, "seconds": seconds, "cause": cause_of(error)}
                log.warning("a store or the machine fails: no media is begun for now", extra=extra)
                await pause(seconds, stopping)
            else:
                self._put_off_work.end(topic.name)
                backoff.succeeded()

    async def _claim(self, topic: Topic) -> list[Claim]:
        return await self._stores.queue.claim(topic, limit=1, lease=LEASE, wait=WAIT)

    async def _begin(self, claim: Claim) -> Media | None:
        """Takes the media of a message; None where there is nothing to do for it now."""
        queue = self._stores.queue
        try:
            media_id = claim.body.decode()
            media = await self._stores.work.begin(media_id, now_ns=self._now_ns(), excuses=self._troubles.excuse)
        except UnicodeDecodeError:
            await queue.reject(claim, reason="the message is no media's id")
            return None
        except HeldByAnother as held:
            left = timedelta(microseconds=max(0, held.until_ns - self._now_ns()) // 1000)
            await queue.put_back(claim, delay=min(left, LEASE))
            return None
        except (Unavailable, ResourceExhausted):
            await self._put_back(claim)
            raise
        if media is None:
            await queue.acknowledge([claim])
        return media

    async def _work(self, media: Media, claim: Claim) -> None:
        outcome = "put back"
        try:
            with self._metrics.work_in_progress.labels("media").track_inprogress(), self._traced(media, claim):
                outcome = await self._hold_and_anonymize(media, claim)
        except asyncio.CancelledError:
            await self._let_go(media, claim, is_failure=False)
            raise
        except Exception as error:  # noqa: BLE001 - it is told apart below
            outcome = await self._failed(media, claim, error)
        finally:
            self._metrics.work_done.labels("media", outcome).inc()

    def _traced(self, media: Media, claim: Claim) -> AbstractContextManager[None]:
        """A span of this run. It waited since it became NEW, or where an earlier run broke off not at all."""
        start_ns = media.processing.start_time_ns or self._now_ns()
        new_ns = [change.time_ns for change in media.state_changes if change.state is MediaState.NEW]
        since_ns = new_ns[-1] if new_ns and media.processing.attempt == 1 else start_ns
        return self._tracing.work(
            claim.topic.name,
            media.traceparent,
            since_ns=since_ns,
            start_ns=start_ns,
            media=media.id,
            attempt=media.processing.attempt,
        )

    async def _hold_and_anonymize(self, media: Media, claim: Claim) -> str:
        if media.processing.failures >= ATTEMPTS_MOST:
            return await self._give_up(media, claim, LEASE_ENDED)
        holding = Holding(media, claim, self._stores.work, self._stores.queue, self._now_ns, self._pace)
        is_finished = await holding.during(self._anonymize(media, holding))
        if not is_finished:
            # The media may have been deleted meanwhile, and cleaned before this run wrote what it found.
            await self._stores.found.delete(media.id, media.run)
        await self._stores.queue.acknowledge([claim])
        return "finished" if is_finished else "stale"

    async def _failed(self, media: Media, claim: Claim, error: Exception) -> str:
        if is_of_machine(error, self._folder):
            log.warning("the work on a media is put off", extra={"media": media.id, "cause": cause_of(error)})
            await self._let_go(media, claim, is_failure=False)
            raise MachineFault(cause_of(error)) from error
        is_last = media.processing.attempt >= ATTEMPTS_MOST
        if isinstance(error, (InvalidArgument, FailedPrecondition, DataLoss)):
            # The content may be to blame for a crash, or the machine: the content is when every attempt crashes.
            if is_last or not isinstance(error, JobCrashed):
                return await self._fail(media, claim, error)
        elif is_last:
            return await self._give_up(media, claim, cause_of(error))
        else:
            log.error("unexpected exception in the work on a media", exc_info=error, extra={"media": media.id})
        await self._let_go(media, claim, is_failure=True)
        return "released"

    async def _let_go(self, media: Media, claim: Claim, *, is_failure: bool) -> None:
        """Has another worker begin soon; where the catalog is away, once the lease has ended."""
        with suppress(DropmeshError, TimeoutError):
            async with asyncio.timeout(PUT_BACK_SECONDS):
                await self._stores.work.let_go(media.id, media.run, is_failure=is_failure, now_ns=self._now_ns())
        await self._put_back(claim)

    async def _put_back(self, claim: Claim) -> None:
        with suppress(DropmeshError, TimeoutError):
            async with asyncio.timeout(PUT_BACK_SECONDS):
                await self._stores.queue.put_back(claim, delay=self._pace.retry_after)

    async def _anonymize(self, media: Media, holding: Holding) -> bool:
        """Makes and stores the result; False when the media went another way meanwhile."""
        watch = Stopwatch()
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            source, target = Path(name) / "original", Path(name) / "anonymized"
            with watch.step("fetch"):
                await fetch(self._stores.objects, media.original.object_key, source, media.original.sha256)
            self._trace(watch.steps)
            result = await self._pool.run(
                anonymize_media,
                media.kind,
                source,
                target,
                media.anonymize,
                self._limits,
                time_limit=self._times.of(media),
                on_progress=holding.report,
                is_long=media.is_moving,
            )
            self._trace(result.findings.steps)
            with watch.step("store"):
                content = await self._store(media, result, target)
            fetched, stored = watch.steps
            self._trace((stored,))
            findings = replace(result.findings, steps=(fetched, *result.findings.steps, stored))
            holding.end()
            return await self._show(media, content, findings)

    def _trace(self, steps: Sequence[Step]) -> None:
        """Steps that just ended. A video goes through its steps frame by frame: their spans say how long, not when."""
        self._tracing.steps(((step.step, step.duration_ns) for step in steps), end_ns=self._now_ns())

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
        held = await stores.contents.get(written.sha256)
        if held is not None and not await stores.contents.is_whole(held):
            await stores.contents.repair(held, written.object_key)
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

    async def _give_up(self, media: Media, claim: Claim, cause: str) -> str:
        """Ends the work on what no attempt came through with; its message is a dead letter for an operator to see."""
        error = FailedPrecondition(
            reasons.PROCESSING_GIVEN_UP,
            f"each of {ATTEMPTS_MOST} attempts broke off",
            metadata={"attempts": str(ATTEMPTS_MOST)},
        )
        await self._stores.work.fail(media.id, media.run, failure_of(error), now_ns=self._now_ns())
        await self._stores.queue.reject(claim, reason=cause)
        return "given up"
