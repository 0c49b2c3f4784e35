from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.media.refusals import DamagedMedia, MediaTooLarge, TooManyPixels
from services.common.media.types import sniff
from services.common.workers.process import Source
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import WORKER_LOST, MetadataReader, open_readers
from tests.support.fuzz_media import in_memory
from tests.support.media_samples import exif_block, image_bytes, video_bytes


@pytest.fixture
async def reader() -> AsyncIterator[MetadataReader]:
    async with open_readers(2) as pool:
        yield MetadataReader(MediaLimits(max_image_bytes=2**20, max_pixels=10_000), pool)


async def read(reader: MetadataReader, data: bytes, source: Source | None = None) -> MetadataReading:
    return await reader.read(source or in_memory(data), len(data), sniff(data[:4096]))


def worker_pids() -> set[int]:
    pids = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"services.common.workers.child" in command:
            pids.add(int(status.parent.name))
    return pids


async def test_images_and_videos_are_read_alike(reader: MetadataReader) -> None:
    reading = await read(reader, image_bytes("jpeg", exif=exif_block()))
    assert (reading.metadata.camera_model, reading.metadata.altitude_meters) == ("Roadrunner 5", -12.5)
    assert (await read(reader, video_bytes("mp4", audio=True))).metadata.audio_codec == "aac"


async def test_refusals_come_through_with_what_they_name(reader: MetadataReader) -> None:
    with pytest.raises(TooManyPixels, match=r"0.0101 megapixels; the limit is 0.01 megapixels") as refusal:
        await read(reader, image_bytes("png", size=(101, 100)))
    assert refusal.value.pixels == 10_100
    with pytest.raises(MediaTooLarge, match="max_image_bytes"):
        await read(reader, image_bytes("png") + bytes(2**20))
    with pytest.raises(DamagedMedia, match="the PNG cannot be read"):
        await read(reader, image_bytes("png")[:20])
    assert (await read(reader, image_bytes("png"))).metadata.width == 48


async def test_many_at_once_share_the_workers(reader: MetadataReader) -> None:
    data = image_bytes("jpeg")
    readings = await asyncio.gather(*(read(reader, data) for _ in range(64)))
    assert {reading.metadata.width for reading in readings} == {48}
    assert len(worker_pids()) <= 2


def far_header(data: bytes) -> bytes:
    """The JPEG with its header so far from its start that a worker has to ask for it."""
    return data[:2] + 2 * (b"\xff\xfe\xff\xff" + bytes(0xFFFD)) + data[2:]


def struck(data: bytes, number: int) -> Source:
    """Sends a signal to the worker that asks for it: it dies as by a crash or by the kernel, or stands still."""

    async def strike_and_read(offset: int, count: int) -> bytes:
        for pid in worker_pids():
            os.kill(pid, number)
        return data[offset : offset + count]

    return strike_and_read


async def test_a_media_that_kills_its_worker_is_refused_and_the_next_one_read(reader: MetadataReader) -> None:
    data = far_header(image_bytes("jpeg"))
    with pytest.raises(DamagedMedia, match=WORKER_LOST):
        await read(reader, data, struck(data, signal.SIGKILL))
    assert (await read(reader, data)).metadata.width == 48


async def test_a_worker_that_ends_while_it_has_nothing_to_do_costs_no_media(reader: MetadataReader) -> None:
    data = image_bytes("jpeg")
    before = worker_pids()
    await read(reader, data)
    for pid in worker_pids() - before:
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert (await read(reader, data)).metadata.width == 48


async def test_a_worker_that_says_nothing_is_not_waited_for_without_end() -> None:
    data = far_header(image_bytes("jpeg"))
    async with open_readers(1) as pool:
        reader = MetadataReader(MediaLimits(), pool, silent=timedelta(seconds=1))
        with pytest.raises(DamagedMedia, match=WORKER_LOST):
            await read(reader, data, struck(data, signal.SIGSTOP))
        assert (await read(reader, data)).metadata.width == 48


async def test_nothing_is_imported_from_the_folder_of_the_caller(
    reader: MetadataReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "socket.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert (await read(reader, image_bytes("jpeg"))).metadata.width == 48


async def lost(offset: int, count: int) -> bytes:
    """A file whose store went away."""
    raise ConnectionRefusedError("the store is gone")


async def test_a_store_that_went_away_is_not_called_damage(reader: MetadataReader) -> None:
    data = image_bytes("jpeg")
    with pytest.raises(ConnectionRefusedError, match="the store is gone"):
        await read(reader, data, lost)
    assert (await read(reader, data)).metadata.width == 48


async def test_closing_leaves_no_process() -> None:
    before = worker_pids()
    async with open_readers(1) as pool:
        await read(MetadataReader(MediaLimits(), pool), image_bytes("jpeg"))
        assert len(worker_pids() - before) == 1
    assert worker_pids() == before
