from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.common.base.background import PutOff
from services.common.base.errors import StoreFull, StoreUnavailable
from services.common.base.instants import to_ns
from services.common.base.telemetry import Metrics
from services.common.media import transitions
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.detected_objects import DetectedObject
from services.common.media.model import Content, Media, MediaWarning, Metadata, Step
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.media.transitions import Findings
from services.common.media.vocabulary import Box, MediaKind, MediaState, ObjectClass, WarningReason
from services.common.media.work import ATTEMPTS_MOST, LEASE, HeldByAnother, MediaWork
from services.common.queue.depths import QueueDepths
from services.common.stores.topics import TOPICS
from services.common.workers.errors import JobCrashed, JobTimedOut
from services.processor.media.holding import Pace
from services.processor.media.job_results import AnonymizedMedia, Limits
from services.processor.media.worker import MediaStores, MediaWorker, TimeLimits
from tests.support.media_mesh import MediaMesh, Stores, photo, read_all

pytest_plugins = ["tests.support.media_fixtures"]

LIMITS = Limits(100_000_000, 2000, 500_000, 3600.0)
TIMES = TimeLimits(photo=timedelta(seconds=10), video=timedelta(seconds=20))
PACE = Pace(look_seconds=0.02, retry_after=timedelta(), away_seconds=(0.001, 0.01))
ODD = MediaWarning(WarningReason.CONTENT_CHANGED, "odd")
FACE = DetectedObject(1, ObjectClass.FACE, 0.9, Box(1, 2, 3, 4))
Job = Callable[[Path, Path, Callable[[Any], None] | None], Any]


class FakePool:
    """Runs a plain function in place of the pixels' work."""

    def __init__(self, *jobs: Job) -> None:
        self._jobs = list(jobs)
        self.runs = 0
        self.started = asyncio.Event()

    async def run(
        self,
        function: Any,
        kind: MediaKind,
        source: Path,
        target: Path,
        options: AnonymizeOptions,
        limits: Limits,
        *,
        time_limit: timedelta,
        on_progress: Callable[[Any], None] | None = None,
        is_long: bool = False,
    ) -> AnonymizedMedia:
        self.runs += 1
        self.started.set()
        job = self._jobs.pop(0) if len(self._jobs) > 1 else self._jobs[0]
        made = job(source, target, on_progress)
        return await made if asyncio.iscoroutine(made) else made


def cover(source: Path, target: Path, on_progress: Any) -> AnonymizedMedia:
    target.write_bytes(b"covered " + source.read_bytes())
    return AnonymizedMedia(
        "jpeg", "image/jpeg", (FACE,), Findings({"face": 1}, (), (), (Step("detect", 1000),), (ODD,), 1)
    )


def fails(error: Exception) -> Job:
    def job(source: Path, target: Path, on_progress: Any) -> AnonymizedMedia:
        raise error

    return job


async def never_ends(source: Path, target: Path, on_progress: Any) -> AnonymizedMedia:
    on_progress((3, 10))
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def working(
    stores: Stores, mesh: MediaMesh, folder: Path, *jobs: Job, metrics: Metrics | None = None
) -> AsyncIterator[FakePool]:
    """A worker's loop beside the test."""
    pool = FakePool(*jobs)
    parts = MediaStores(stores.queue, stores.objects, mesh.work, mesh.contents, mesh.found)
    metrics = metrics or Metrics()
    worker = MediaWorker(parts, pool, LIMITS, TIMES, folder, metrics, PutOff(metrics), time.time_ns, PACE)  # type: ignore[arg-type]
    stopping = asyncio.Event()
    depths = QueueDepths(stores.queue, TOPICS, metrics, 0.02)
    loops = [asyncio.create_task(run(stopping)) for run in (worker.run, worker.run_videos, depths.run)]
    try:
        yield pool
    finally:
        stopping.set()
        await asyncio.gather(*loops)


@pytest.fixture
async def new(mesh: MediaMesh) -> Media:
    """A media that waits to be processed."""
    stored = await mesh.upload(photo("a face"))
    await mesh.outbox.publish_waiting()
    return stored.media


async def settled(mesh: MediaMesh, media: Media) -> Media:
    """The media once a worker has ended with it."""
    async with asyncio.timeout(20):
        while True:
            found = await mesh.media.find(media.id)
            assert found is not None
            if found.state not in {MediaState.NEW, MediaState.PROCESSING}:
                return found
            await asyncio.sleep(0.01)


async def nothing_left(stores: Stores) -> None:
    """Waits until every message is acknowledged or given up."""
    async with asyncio.timeout(10):
        while await stores.queue.depth(PHOTO_WORK):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_no_photo_waits_behind_videos_and_videos_that_wait_lose_no_attempt(stores, mesh, tmp_path):
    head = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
    first, second = [(await mesh.upload(head + name)).media for name in (b"one", b"two")]
    await mesh.outbox.publish_waiting()
    async with working(stores, mesh, tmp_path, never_ends, cover) as pool:
        await pool.started.wait()
        image = (await mesh.upload(photo("a face"))).media
        await mesh.outbox.publish_waiting()
        assert (await settled(mesh, image)).state is MediaState.PROCESSED
        states = [(await mesh.media.find(video.id)).state for video in (first, second)]
        assert states == [MediaState.PROCESSING, MediaState.NEW]
        (waiting,) = await stores.queue.claim(VIDEO_WORK, limit=2, lease=timedelta(seconds=1), wait=timedelta())
        assert (waiting.body.decode(), waiting.attempt) == (second.id, 1)


async def test_an_operator_sees_how_many_videos_wait_while_one_is_worked_on(stores, mesh, tmp_path):
    head = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
    for name in (b"one", b"two"):
        await mesh.upload(head + name)
    await mesh.outbox.publish_waiting()
    metrics = Metrics()

    def told(topic: str) -> float | None:
        return metrics.registry.get_sample_value("dropmesh_queue_depth", {"topic": topic})

    async with working(stores, mesh, tmp_path, never_ends, metrics=metrics), asyncio.timeout(10):
        while (told("photos"), told("videos")) != (0.0, 2.0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_an_animation_has_more_time_than_a_photo_and_waits_with_the_videos():
    content = Content("0" * 64, "key", "holder", "gif", "image/gif", 1)
    photo_, animation = (
        Media("id", "ann", MediaState.NEW, MediaKind.IMAGE, "a.gif", 1, 1, content, Metadata(4, 3, frames=frames))
        for frames in (None, 21)
    )
    assert (photo_.is_moving, animation.is_moving) == (False, True)
    assert TIMES.of(animation) - TIMES.of(photo_) == timedelta(seconds=10)


@pytest.mark.parametrize(("data", "reason"), [(None, "CONTENT_MISSING"), (b"other bytes", "CONTENT_DAMAGED")])
async def test_a_media_whose_original_is_lost_fails_at_once(stores, mesh, new, tmp_path, data, reason):
    key = new.original.object_key
    await (stores.objects.delete([key]) if data is None else stores.objects.put(key, data))
    async with working(stores, mesh, tmp_path, cover):
        media = await settled(mesh, new)
        await nothing_left(stores)
    assert (media.state, media.processing.error.reason, media.processing.attempt) == (MediaState.FAILED, reason, 1)


async def test_processing_again_repairs_a_damaged_result(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, cover):
        first = await settled(mesh, new)
        key = first.anonymized.object_key
        await stores.objects.put(key, b"other bytes")
        again = await mesh.media.change(
            new.id, lambda found: transitions.process_again(found, None, now_ns=mesh.clock())
        )
        mesh.outbox.add(again)
        await mesh.outbox.publish_waiting()
        media = await settled(mesh, again)
    assert media.anonymized.object_key == key
    assert await read_all(stores.objects, key) == b"covered " + photo("a face")


async def test_a_media_becomes_processed_with_what_was_found(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, cover):
        media = await settled(mesh, new)
        await nothing_left(stores)
    assert media.state is MediaState.PROCESSED
    assert media.object_counts == {"face": 1}
    assert media.warnings == (ODD,)
    assert media.processing.attempt == 1
    assert [step.step for step in media.processing.steps] == ["fetch", "detect", "store"]
    assert await read_all(stores.objects, media.anonymized.object_key) == b"covered " + photo("a face")
    assert (await mesh.found.list(media.id, media.objects_run))[0] == [FACE]


async def test_what_cannot_be_processed_fails_at_once_and_alone(stores, mesh, new, tmp_path):
    other = (await mesh.upload(photo("fine"))).media
    await mesh.outbox.publish_waiting()
    async with working(stores, mesh, tmp_path, fails(JobTimedOut(timedelta(seconds=10))), cover):
        media, fine = await settled(mesh, new), await settled(mesh, other)
        await nothing_left(stores)
    assert media.state is MediaState.FAILED
    assert media.processing.error.reason == "PROCESSING_TIMED_OUT"
    assert fine.state is MediaState.PROCESSED
    assert await stores.queue.dead_letters(PHOTO_WORK) == []


async def test_a_crash_is_tried_again(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, fails(JobCrashed(-11)), cover):
        media = await settled(mesh, new)
    assert (media.state, media.processing.attempt) == (MediaState.PROCESSED, 2)


async def test_five_crashes_are_enough(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, fails(JobCrashed(-11))) as pool:
        media = await settled(mesh, new)
    assert (media.state, pool.runs) == (MediaState.FAILED, 5)
    assert media.processing.error.reason == "PROCESSING_CRASHED"


async def test_attempts_that_never_end_are_given_up(stores, mesh, new, tmp_path):
    for number in range(5):
        assert await stores.queue.claim(
            PHOTO_WORK, limit=1, lease=timedelta(milliseconds=20), wait=timedelta(seconds=5)
        )
        await mesh.work.begin(new.id, now_ns=1 + 2 * number * to_ns(LEASE))
        await asyncio.sleep(0.03)
    async with working(stores, mesh, tmp_path, cover) as pool:
        media = await settled(mesh, new)
    assert (media.state, pool.runs) == (MediaState.FAILED, 0)
    assert media.processing.error.reason == "PROCESSING_GIVEN_UP"


async def test_a_fault_that_nobody_thought_of_is_tried_again(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, fails(ZeroDivisionError()), cover):
        assert (await settled(mesh, new)).state is MediaState.PROCESSED


@pytest.mark.parametrize(
    "fault",
    [StoreUnavailable("objects", "gone"), StoreFull("objects"), OSError(errno.ENOSPC, "no room"), MemoryError()],
    ids=["away", "full", "disk full", "no memory"],
)
async def test_what_is_no_fault_of_the_content_costs_no_attempt(stores, mesh, new, tmp_path, fault):
    async with working(stores, mesh, tmp_path, *[fails(fault)] * 2 * ATTEMPTS_MOST, cover):
        media = await settled(mesh, new)
        await nothing_left(stores)
    assert (media.state, media.processing.attempt) == (MediaState.PROCESSED, 1)
    assert await stores.queue.dead_letters(PHOTO_WORK) == []


async def test_while_one_worker_has_a_media_no_other_begins(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, never_ends) as pool:
        await pool.started.wait()
        await stores.queue.publish(PHOTO_WORK, [new.id.encode()])
        with pytest.raises(HeldByAnother):
            await mesh.work.begin(new.id, now_ns=time.time_ns())
        media = await mesh.media.find(new.id)
        assert (media.run, pool.runs) == (1, 1)


async def test_a_message_that_is_no_media_is_a_dead_letter(stores, mesh, tmp_path):
    await stores.queue.publish(PHOTO_WORK, [b"\xff"])
    async with working(stores, mesh, tmp_path, cover):
        await nothing_left(stores)
    assert [letter.body for letter in await stores.queue.dead_letters(PHOTO_WORK)] == [b"\xff"]


async def test_a_fault_in_the_code_leaves_a_dead_letter_to_look_at(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, fails(ZeroDivisionError("in the code"))) as pool:
        media = await settled(mesh, new)
        await nothing_left(stores)
    assert (media.processing.error.reason, pool.runs) == ("PROCESSING_GIVEN_UP", ATTEMPTS_MOST)
    (letter,) = await stores.queue.dead_letters(PHOTO_WORK)
    assert (letter.body.decode(), letter.reason) == (media.id, "ZeroDivisionError('in the code')")


async def test_progress_is_told_and_a_cancelled_media_is_let_go(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, never_ends):
        async with asyncio.timeout(10):
            while (found := await mesh.media.find(new.id)) is not None and found.processing.frames_done != 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert found.processing.progress == pytest.approx(0.3)
        await cancel(mesh, new)
        await nothing_left(stores)
    media = await mesh.media.find(new.id)
    assert media is not None
    assert (media.state, media.processing.error) == (MediaState.CANCELLED, None)


async def cancel(mesh: MediaMesh, media: Media) -> None:
    await mesh.media.change(media.id, lambda found: transitions.cancel(found, now_ns=1))


async def test_a_stopped_worker_gives_its_media_back(stores, mesh, new, tmp_path):
    async with working(stores, mesh, tmp_path, never_ends) as pool:
        await pool.started.wait()
    async with working(stores, mesh, tmp_path, cover):
        media = await settled(mesh, new)
    assert (media.state, media.processing.attempt) == (MediaState.PROCESSED, 1)


async def test_a_worker_that_lost_its_media_changes_nothing(stores, mesh, new, tmp_path):
    async def loses(source: Path, target: Path, on_progress: Any) -> AnonymizedMedia:
        # Another worker took the media meanwhile, and finished it.
        later_ns = time.time_ns() + 2 * to_ns(LEASE)
        other = await MediaWork(mesh.media).begin(new.id, now_ns=later_ns)
        assert other is not None
        return cover(source, target, on_progress)

    async with working(stores, mesh, tmp_path, loses):
        await nothing_left(stores)
    media = await mesh.media.find(new.id)
    assert media is not None
    assert (media.state, media.anonymized) == (MediaState.PROCESSING, None)
    await mesh.sweep_all()
    assert await mesh.stored_keys() == [media.original.object_key]


async def test_a_message_told_twice_is_done_once(stores, mesh, new, tmp_path):
    await stores.queue.publish(PHOTO_WORK, [new.id.encode(), b"never-was"])
    async with working(stores, mesh, tmp_path, cover) as pool:
        await settled(mesh, new)
        await nothing_left(stores)
    assert pool.runs == 1
