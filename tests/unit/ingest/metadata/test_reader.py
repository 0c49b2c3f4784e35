from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.ingest.media_errors import DamagedMedia, MediaTooLarge, TooManyPixels
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import WORKER_LOST, MetadataReader
from services.ingest.sniff import sniff
from tests.media_samples import exif_block, image_bytes, video_bytes


@pytest.fixture
def reader() -> Iterator[MetadataReader]:
    reader = MetadataReader(MediaLimits(max_image_bytes=2**20, max_pixels=10_000), workers=2)
    yield reader
    reader.close()


def read(reader: MetadataReader, data: bytes, file: io.BytesIO | None = None) -> MetadataReading:
    return reader.read(file or io.BytesIO(data), len(data), sniff(data[:4096]))


def worker_pids() -> set[int]:
    pids = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"services.ingest.metadata.worker" in command:
            pids.add(int(status.parent.name))
    return pids


def test_images_and_videos_are_read_alike(reader: MetadataReader) -> None:
    reading = read(reader, image_bytes("jpeg", exif=exif_block()))
    assert (reading.metadata.camera_model, reading.metadata.altitude_meters) == ("Roadrunner 5", -12.5)
    assert read(reader, video_bytes("mp4", audio=True)).metadata.audio_codec == "aac"


def test_refusals_come_through_with_what_they_name(reader: MetadataReader) -> None:
    with pytest.raises(TooManyPixels, match=r"0.0101 megapixels, and the limit is 0.01 megapixels") as refusal:
        read(reader, image_bytes("png", size=(101, 100)))
    assert refusal.value.pixels == 10_100
    with pytest.raises(MediaTooLarge, match="max_image_bytes"):
        read(reader, image_bytes("png") + bytes(2**20))
    with pytest.raises(DamagedMedia, match="the PNG header cannot be read"):
        read(reader, image_bytes("png")[:20])
    assert read(reader, image_bytes("png")).metadata.width == 48


def test_many_threads_share_the_workers(reader: MetadataReader) -> None:
    data = image_bytes("jpeg")
    with ThreadPoolExecutor(8) as threads:
        widths = {reading.metadata.width for reading in threads.map(lambda _: read(reader, data), range(64))}
    assert widths == {48}
    assert len(worker_pids()) <= 2


class DeadlyFile(io.BytesIO):
    """Kills the worker that asks for it, as a crash or the kernel would."""

    def read(self, size: int | None = -1, /) -> bytes:
        for pid in worker_pids():
            os.kill(pid, signal.SIGKILL)
        return super().read(size)


def test_a_media_that_kills_its_worker_is_refused_and_the_next_one_read(reader: MetadataReader) -> None:
    data = image_bytes("jpeg")
    with pytest.raises(DamagedMedia, match=WORKER_LOST):
        read(reader, data, DeadlyFile(data))
    assert read(reader, data).metadata.width == 48


class LostFile(io.BytesIO):
    """A file whose store went away."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionRefusedError("the store is gone")


def test_a_store_that_went_away_is_not_called_damage(reader: MetadataReader) -> None:
    data = image_bytes("jpeg")
    with pytest.raises(ConnectionRefusedError, match="the store is gone"):
        read(reader, data, LostFile(data))
    assert read(reader, data).metadata.width == 48


def test_closing_leaves_no_process() -> None:
    before = worker_pids()
    reader = MetadataReader(MediaLimits(), workers=1)
    read(reader, image_bytes("jpeg"))
    assert len(worker_pids() - before) == 1
    reader.close()
    assert worker_pids() == before
