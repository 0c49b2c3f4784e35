"""What ingest takes, the processor opens: every format, header size, and brand at each offset."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from services.common.media.refusals import UnsupportedMedia
from services.common.media.types import SNIFF_BYTES, sniff
from services.ingest.metadata.image import read_image
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.video import read_video
from services.processor.images.limits import ImageLimits
from services.processor.images.opening import open_picture
from services.processor.video.limits import VideoLimits
from services.processor.video.source import VideoSource
from tests.support.media_samples import IMAGE_FORMATS, VIDEO_FORMATS, image_bytes, video_bytes
from tests.support.media_variants import (
    BMP_HEADER_SIZES,
    LAST_BRAND_OFFSET,
    avif_sequence,
    bmp_bytes,
    brands_with,
    gif_bytes,
    tiff_bytes,
    webp_bytes,
    with_brands,
)

OFFSETS = (8, *range(16, LAST_BRAND_OFFSET + 1, 4))
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
MP4_BRANDS = (
    b"isom",
    b"iso2",
    b"iso6",
    b"mp41",
    b"mp42",
    b"mp71",
    b"avc1",
    b"av01",
    b"hvc1",
    b"dash",
    b"M4V ",
    b"f4v ",
)

PICTURES = {
    **{name: image_bytes(name) for name in IMAGE_FORMATS},
    **{f"bmp with a header of {size}": bmp_bytes(size) for size in BMP_HEADER_SIZES},
    "tiff II": tiff_bytes("<", big=False),
    "tiff MM": tiff_bytes(">", big=False),
    "tiff II, big": tiff_bytes("<", big=True),
    **{f"gif {version}": gif_bytes(version) for version in ("87a", "89a")},
    **{f"webp {kind}": webp_bytes(kind) for kind in ("VP8", "VP8L", "VP8X")},
    **{f"heic {brand!r}": with_brands(image_bytes("heic"), [brand, b"mif1"]) for brand in HEIC_BRANDS},
    "avif sequence": avif_sequence(),
    **{
        f"{name} {brands!r}": with_brands(image_bytes(name), brands)
        for name in ("heic", "avif")
        for brands in (
            [b"heic", b"mif1", b"avif"],
            [b"avif", b"mif1", b"heic"],
            [b"mif1", b"heic", b"avif"],
            [b"mif1", b"avif", b"heic"],
            [b"mif1", b"miaf", b"MA1B", b"avif", b"heic", b"MA1A"],
        )
    },
}
VIDEOS = {name: video_bytes(name) for name in VIDEO_FORMATS}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_ingest_takes_is_opened_as_what_it_is(name: str) -> None:
    assert taken_and_opened(PICTURES[name]) == name.split(maxsplit=1)[0]


@pytest.mark.parametrize("format", ["heic", "avif"])
def test_a_brand_is_found_at_each_offset(format: str) -> None:
    content = image_bytes(format)
    for offset in OFFSETS:
        moved = with_brands(content, brands_with(format.encode(), offset, b"mif1"))
        assert moved[offset : offset + 4] == format.encode()
        assert taken_and_opened(moved) == format


@pytest.mark.parametrize("brand", MP4_BRANDS)
def test_a_video_is_taken_and_opened_by_each_brand(brand: bytes, tmp_path: Path) -> None:
    for offset in (8, 16, 64, 128, LAST_BRAND_OFFSET):
        content = with_brands(VIDEOS["mp4"], brands_with(brand, offset, b"XXXX"))
        assert video_taken_and_opened(tmp_path / f"{offset}", content) == "mp4"


@pytest.mark.parametrize("format", VIDEO_FORMATS)
def test_every_video_that_ingest_takes_is_opened(format: str, tmp_path: Path) -> None:
    assert video_taken_and_opened(tmp_path / "video", VIDEOS[format]) == format


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (bmp_bytes(16), "BMP image with a header of 16 bytes"),
        (tiff_bytes(">", big=True), "BigTIFF image in big-endian order"),
        (b"II*\0\x10\0\0\0CR\x02\0" + tiff_bytes("<", big=False)[12:], "Canon CR2 raw image"),
        (with_brands(image_bytes("heic"), [b"mif1", b"miaf"]), "unknown ISO base media file"),
    ],
)
def test_what_the_processor_cannot_open_is_not_taken(content: bytes, found: str) -> None:
    with pytest.raises(UnsupportedMedia) as refusal:
        sniff(content[:SNIFF_BYTES])
    assert refusal.value.found == found
    with pytest.raises(UnsupportedMedia):
        open_picture(content, ImageLimits())


def taken_and_opened(content: bytes) -> str:
    """The format of a picture whose header ingest reads, and whose pixels the processor decodes."""
    media_type = sniff(content[:SNIFF_BYTES])
    metadata = read_image(io.BytesIO(content), media_type, MediaLimits()).metadata
    source = open_picture(content, ImageLimits())
    frame = next(source.frames())
    assert source.media_type is media_type
    assert source.warnings == []
    assert frame.raster.picture().shape == (metadata.height, metadata.width, 3) == (32, 48, 3)
    return media_type.format


def video_taken_and_opened(path: Path, content: bytes) -> str:
    """The same of a video."""
    path.write_bytes(content)
    media_type = sniff(content[:SNIFF_BYTES])
    metadata = read_video(io.BytesIO(content), media_type, MediaLimits()).metadata
    with VideoSource(path, VideoLimits(), 1) as source:
        frames = [timed.frame for timed in source.frames()]
        assert (source.header.width, source.header.height) == (metadata.width, metadata.height) == (64, 48)
        assert source.warnings == []
    assert len(frames) == 10
    return media_type.format
