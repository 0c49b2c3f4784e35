from __future__ import annotations

import io
from pathlib import Path

import pytest

from services.common.media.refusals import DamagedMedia, TooManyPixels
from services.common.media.types import MP4, sniff
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.video import read_video
from tests.support.media_samples import VIDEO_FORMATS, video_bytes


def read(data: bytes, limits: MediaLimits | None = None) -> MetadataReading:
    return read_video(io.BytesIO(data), sniff(data[:4096]), limits or MediaLimits())


@pytest.mark.parametrize("format", VIDEO_FORMATS)
def test_every_format_tells_its_picture_and_its_length(format: str) -> None:
    reading = read(video_bytes(format))
    metadata = reading.metadata
    assert (metadata.width, metadata.height) == (64, 48)
    assert metadata.duration_seconds == pytest.approx(1.0, abs=0.11)
    assert metadata.frame_rate == pytest.approx(10)
    assert metadata.video_codec == ("vp8" if format == "webm" else "mpeg4")
    assert (metadata.rotation_degrees, metadata.audio_codec) == (0, None)
    assert reading.warnings == ()


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_rotation_is_how_far_to_turn_clockwise(clockwise: int) -> None:
    metadata = read(video_bytes("mp4", clockwise_degrees=clockwise)).metadata
    assert (metadata.width, metadata.height, metadata.rotation_degrees) == (64, 48, clockwise)


def test_audio_is_told() -> None:
    metadata = read(video_bytes("mp4", audio=True)).metadata
    assert metadata.audio_codec == "aac"


def test_a_phone_tells_camera_time_and_place() -> None:
    tags = {
        "com.apple.quicktime.make": "Acme",
        "com.apple.quicktime.model": "Roadrunner 5",
        "com.apple.quicktime.creationdate": "2021-03-04T05:06:07+0200",
        "com.apple.quicktime.location.ISO6709": "-33.8688+151.2093+058.000/",
    }
    metadata = read(video_bytes("mov", tags=tags)).metadata
    assert (metadata.camera_make, metadata.camera_model) == ("Acme", "Roadrunner 5")
    assert metadata.capture_time_text == "2021-03-04T05:06:07+02:00"
    assert metadata.capture_time_ns == 1_614_827_167_000_000_000
    assert (metadata.latitude_degrees, metadata.longitude_degrees, metadata.altitude_meters) == (-33.8688, 151.2093, 58)


def test_tags_that_make_no_sense_are_warnings() -> None:
    tags = {"com.apple.quicktime.creationdate": "once", "com.apple.quicktime.location.ISO6709": "here"}
    reading = read(video_bytes("mov", tags=tags))
    assert reading.metadata.width == 64
    assert len(reading.warnings) == 2


def test_too_many_pixels_are_refused() -> None:
    with pytest.raises(TooManyPixels, match=r"the limit is 0.003071 megapixels"):
        read(video_bytes("mp4"), MediaLimits(max_pixels=64 * 48 - 1))


@pytest.mark.parametrize("format", VIDEO_FORMATS)
def test_a_header_that_ends_early_is_damage(format: str) -> None:
    with pytest.raises(DamagedMedia, match=f"the {format.upper()} cannot be read"):
        read(video_bytes(format)[:60])


def test_a_film_is_read_in_few_ranges(shared_data: Path) -> None:
    """Where the index stands at the end, the picture in between is not read."""
    path = shared_data / "media" / "videos" / "persons_corridor.mp4"
    with CountingFile(path) as file:
        metadata = read_video(file, MP4, MediaLimits()).metadata
        assert file.bytes_read < path.stat().st_size / 2
    assert (metadata.width, metadata.height, metadata.frame_rate) == (768, 432, 10)


class CountingFile(io.FileIO):
    """A file that knows how much of it was read."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self.bytes_read += len(data)
        return data
