"""All that works on pixels, put together: worker processes, the loops that feed them, the calls they answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from services.common.base.telemetry import Metrics
from services.common.contents.store import Contents
from services.common.media.detected_objects import MediaObjects
from services.common.media.store import MediaStore
from services.common.media.work import MediaWork
from services.common.settings import Settings
from services.common.stores.open import Stores
from services.processor.media.image_calls import ImageCalls
from services.processor.media.job_results import Limits
from services.processor.media.jobs import Tools, open_tools
from services.processor.media.thumbnails import Thumbnails
from services.processor.media.worker import MediaStores, MediaWorker, TimeLimits
from services.processor.models.reads import ModelReads
from services.processor.models.registry import load_registry
from services.processor.models.store import ModelStore
from services.processor.pool.pool import ProcessPool


@dataclass(frozen=True, slots=True)
class Pixels:
    """What the processor serves and runs."""

    servicers: tuple[object, ...]
    loops: tuple[Callable[[asyncio.Event], Awaitable[None]], ...]


@asynccontextmanager
async def open_pixels(stores: Stores, settings: Settings, metrics: Metrics) -> AsyncIterator[Pixels]:
    """Starts a worker process; the others start when there is work for them."""
    children = settings.workers or os.cpu_count() or 1
    pool: ProcessPool[Tools] = ProcessPool(
        partial(open_tools, settings.models_folder, settings.provider),
        children=children,
        threads=max(1, (os.cpu_count() or 1) // children),
        memory_limit_bytes=settings.worker_memory_bytes,
    )
    folder = await asyncio.to_thread(_fresh_folder, settings.data / "work")
    async with pool:
        yield _assemble(stores, settings, metrics, pool, children, folder)


def _assemble(
    stores: Stores, settings: Settings, metrics: Metrics, pool: ProcessPool[Tools], children: int, folder: Path
) -> Pixels:
    limits = Limits(
        max_pixels=round(settings.max_megapixels * 1e6),
        max_animation_frames=settings.max_animation_frames,
        max_video_frames=settings.max_frames,
        max_video_seconds=settings.max_video_seconds,
    )
    image_time = timedelta(seconds=settings.photo_seconds)
    media = MediaStore(stores.catalog)
    worker = MediaWorker(
        MediaStores(
            stores.queue,
            stores.objects,
            MediaWork(media),
            Contents(stores.catalog, stores.objects),
            MediaObjects(stores.catalog),
        ),
        pool,
        limits,
        TimeLimits(image_time, timedelta(seconds=settings.video_seconds)),
        folder,
        metrics,
        time.time_ns,
    )
    images = ImageCalls(pool, limits, max_bytes=settings.max_image_bytes, time_limit=image_time)
    thumbnails = Thumbnails(media, stores.objects, pool, limits, folder=folder, time_limit=image_time)
    models = ModelReads(load_registry(settings.models_folder), ModelStore(settings.models_folder))
    # Of two worker processes or more, one is always left for what is short.
    videos = max(1, children - 1)
    loops = (*(worker.run,) * children, *(worker.run_videos,) * videos, worker.tell_depths)
    return Pixels((images, thumbnails, models), loops)


def _fresh_folder(folder: Path) -> Path:
    """An empty folder for files that work needs: what stands there is left from a process that died."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
