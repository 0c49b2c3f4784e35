from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.common.base.background import PutOff
from services.common.base.telemetry import Metrics
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.model import Media
from services.common.media.transitions import Findings
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.workers.confinement import ChildLimits
from services.common.workers.jobs import job
from services.common.workers.worker import Worker
from services.processor.media.job_results import AnonymizedMedia, Limits
from services.processor.media.worker import MediaStores, MediaWorker, Pace, TimeLimits
from tests.integration.common.workers import hostile
from tests.support.media_mesh import MediaMesh, photo

pytest_plugins = ["tests.support.media_fixtures"]

TRICKS = ("a pickle as a result", "4 GiB of text", "another type", "endless progress", "a result of another job")
LIMITS = Limits(100_000_000, 2000, 500_000, 3600.0)


@job
def cover(
    _worker: Worker[Any], _kind: MediaKind, source: Path, target: Path, _options: AnonymizeOptions, _limits: Limits
) -> AnonymizedMedia:
    target.write_bytes(source.read_bytes())
    return AnonymizedMedia("jpeg", "image/jpeg", (), Findings({}))


async def settled(mesh: MediaMesh, media: Media) -> Media:
    async with asyncio.timeout(60):
        while True:
            found = await mesh.media.find(media.id)
            assert found is not None
            if found.state not in {MediaState.NEW, MediaState.PROCESSING}:
                return found
            await asyncio.sleep(0.02)


async def test_media_that_take_their_process_over_fail_as_unreadable_at_once_and_the_next_one_is_processed(
    stores, mesh, tmp_path
):
    mark, stopping = tmp_path / "mark", asyncio.Event()
    limits = ChildLimits(1 << 30, result_bytes=1 << 20)
    async with hostile.TakenOver(hostile.set_up, children=1, threads=1, limits=limits) as pool:
        worker = MediaWorker(
            MediaStores(stores.queue, stores.objects, mesh.work, mesh.contents, mesh.found),
            pool,
            LIMITS,
            TimeLimits(photo=timedelta(minutes=2), video=timedelta(minutes=2)),
            tmp_path,
            Metrics(),
            PutOff(Metrics()),
            time.time_ns,
            Pace(look_seconds=0.02, retry_after=timedelta()),
        )
        pool.turns = [*((hostile.play, trick, mark) for trick in TRICKS), (cover, ...)]
        running = asyncio.create_task(worker.run(stopping))
        for trick in TRICKS:
            media = (await mesh.upload(photo(trick))).media
            await mesh.outbox.publish_waiting()
            failed = await settled(mesh, media)
            assert (failed.state, failed.processing.attempt) == (MediaState.FAILED, 1)
            assert failed.processing.error.reason == "MEDIA_UNREADABLE"
        media = (await mesh.upload(photo("fine"))).media
        await mesh.outbox.publish_waiting()
        done = await settled(mesh, media)
        assert (done.state, done.processing.error) == (MediaState.PROCESSED, None)
        stopping.set()
        await running
    assert not mark.exists()
