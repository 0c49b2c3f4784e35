"""Wires the processor: worker processes, the loops that feed them, and the calls they answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from services.common.base.background import Loop
from services.common.contents.store import Contents
from services.common.drops.measurements import Measurements
from services.common.drops.receipts import Receipts
from services.common.drops.sources import Sources
from services.common.events.announcing import Announcer
from services.common.events.log import EventLog
from services.common.media.detected_objects import MediaObjects
from services.common.media.store import MediaStore
from services.common.media.work import MediaWork
from services.common.queue.depths import QueueDepths
from services.common.rest.reads.door import ReadDoor
from services.common.rpc.grpc_methods import MAX_MESSAGE_BYTES
from services.common.series.computed.store import ComputedStore
from services.common.series.measured import SeriesFinder
from services.common.series.store import SeriesStore
from services.common.service import Service, Wiring
from services.common.settings import PREFIX
from services.common.stores.topics import TOPICS
from services.common.webhooks.store import Deliveries, Webhooks
from services.common.workers.confinement import ChildLimits
from services.common.workers.pool import ProcessPool
from services.processor.classify_queue.answering import Answering, Classify, fault_of
from services.processor.classify_queue.profile import load_profile
from services.processor.drops.code_version import measurement_code_version
from services.processor.drops.parsing.outcomes import DropLimits
from services.processor.drops.results import DropRules
from services.processor.drops.verify import MeasurementChecks
from services.processor.drops.worker import DropWorker
from services.processor.media.image_calls import ImageCalls
from services.processor.media.job_results import ClassificationResult, Limits
from services.processor.media.jobs import Tools, classify_image, open_tools
from services.processor.media.machine import cause_of
from services.processor.media.thumbnails import Thumbnails
from services.processor.media.verification import MediaChecks
from services.processor.media.worker import MediaStores, MediaWorker, TimeLimits
from services.processor.models.errors import ModelError
from services.processor.models.reads import ModelReads
from services.processor.models.registry import load_registry
from services.processor.models.store import ModelStore
from services.processor.series.measuring import SeriesMeasuring
from services.processor.series.predictions import SeriesPredictions
from services.processor.statistics.folding import StatisticsFolding
from services.processor.webhooks.dispatching import WebhookDispatcher
from services.processor.webhooks.sending import Sender

MAX_RESULT_BYTES = 128 * 2**20
"""Of the objects found in one media, as JSON: some hundred hours of tracks."""
REST = timedelta(minutes=10)
"""How long the last worker process stays with its models in memory after its last picture."""


@asynccontextmanager
async def wire(service: Service) -> AsyncIterator[Wiring]:
    """Builds the processor's methods and loops. One worker process is started; the others start when they have work."""
    settings, metrics, catalog, objects = service.settings, service.metrics, service.catalog, service.objects
    announcer = Announcer(service.queue.bell)
    receipts, measurements = Receipts(catalog, objects, announcer.receipts), Measurements(catalog)
    media = MediaStore(catalog, announcer.media)
    code_version = measurement_code_version()
    drop_limits = DropLimits(max_bytes=settings.max_drop_bytes, max_points=settings.max_drop_points)
    drops = DropWorker(
        service.queue,
        receipts,
        measurements,
        DropRules(drop_limits, code_version),
        metrics,
        tracing=service.tracing,
    )
    depths = QueueDepths(service.queue, TOPICS, metrics)
    folding = StatisticsFolding(catalog, tracing=service.tracing)

    children = settings.workers or os.cpu_count() or 1
    threads = max(1, (os.cpu_count() or 1) // children)
    pool: ProcessPool[Tools] = ProcessPool(
        open_tools,
        settings.models_folder,
        settings.provider,
        threads,
        settings.detection_seconds,
        children=children,
        threads=threads,
        limits=ChildLimits(
            settings.worker_memory_bytes, result_bytes=MAX_RESULT_BYTES, content_bytes=MAX_MESSAGE_BYTES
        ),
        rest=REST,
    )
    folder = await asyncio.to_thread(_fresh_folder, settings.data / "work")
    limits = Limits(
        max_pixels=round(settings.max_megapixels * 1e6),
        max_animation_frames=settings.max_animation_frames,
        max_video_frames=settings.max_frames,
        max_video_seconds=settings.max_video_seconds,
    )
    image_time = timedelta(seconds=settings.photo_seconds)
    worker = MediaWorker(
        MediaStores(service.queue, objects, MediaWork(media), Contents(catalog, objects), MediaObjects(catalog)),
        pool,
        limits,
        TimeLimits(image_time, timedelta(seconds=settings.video_seconds)),
        folder,
        metrics,
        service.put_off,
        time.time_ns,
        tracing=service.tracing,
    )
    sender = Sender(allow_http=settings.webhook_http, allow_private=settings.webhook_private)
    dispatcher = WebhookDispatcher(
        Webhooks(catalog),
        Deliveries(catalog),
        EventLog(catalog),
        service.queue.bell,
        sender.send,
        time.time_ns,
        service.tracing,
    )
    series, computed = SeriesStore(catalog), ComputedStore(catalog)
    finder = SeriesFinder(series, Sources(catalog))
    predictions = SeriesPredictions(series, finder, measurements, computed, objects)
    measuring = SeriesMeasuring(
        series,
        finder,
        measurements,
        computed,
        objects,
        service.queue,
        on_stored=predictions.make_ready,
        tracing=service.tracing,
    )
    servicers = (
        MeasurementChecks(receipts, measurements, code_version),
        ImageCalls(pool, limits, max_bytes=settings.max_image_bytes, time_limit=image_time),
        Thumbnails(media, objects, pool, limits, folder=folder, time_limit=image_time),
        MediaChecks(media, objects, pool, limits, folder=folder, time_limit=image_time),
        ModelReads(load_registry(settings.models_folder), ModelStore(settings.models_folder)),
        measuring,
        predictions,
    )
    methods = service.methods(*servicers)
    door = ReadDoor(methods, settings.http_socket("processor"), drain=timedelta(seconds=settings.drain_seconds))
    photo_loops = (worker.run,) * children
    # Of two worker processes or more, one is always left for photos.
    video_loops = (worker.run_videos,) * max(1, children - 1)
    async with pool:
        queue_loops: tuple[Loop, ...] = ()
        if settings.classify_amqp:
            # RabbitMQ's client takes a tenth of a second to import.
            from services.processor.classify_queue.worker import ClassifyWorker

            async def classify(image: bytes, labels: int) -> ClassificationResult:
                return await pool.run(classify_image, image, labels, limits, time_limit=image_time)

            profile = load_profile(settings.classify_profile)
            await _require_classifier(classify)
            answers = ClassifyWorker(
                settings.classify_amqp,
                profile,
                Answering(profile, classify, max_bytes=settings.max_image_bytes),
                at_once=children,
                metrics=metrics,
            )
            queue_loops = (answers.run,)
        await door.open()
        yield Wiring(
            methods,
            (
                door.run,
                drops.run,
                drops.run_large,
                folding.run,
                *photo_loops,
                *video_loops,
                depths.run,
                dispatcher.run,
                *queue_loops,
                measuring.run,
                predictions.run,
            ),
        )


async def _require_classifier(classify: Classify) -> None:
    """Fails where no request could ever be answered."""
    if fault := await fault_of(classify):
        raise ModelError(f"{PREFIX}CLASSIFY_AMQP is set, and {cause_of(fault)}")


def _fresh_folder(folder: Path) -> Path:
    """Makes an empty folder for temporary files; a process that crashed may have left some."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
