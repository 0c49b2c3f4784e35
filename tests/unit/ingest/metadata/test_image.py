from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from services.common.media.refusals import DamagedMedia, MediaTooLarge, TooManyPixels
from services.common.media.types import GIF, sniff
from services.common.media.vocabulary import MediaKind
from services.ingest.metadata.image import read_image
from services.ingest.metadata.limits import MediaLimits, check_size
from services.ingest.metadata.media_metadata import MetadataReading
from tests.support.bombs import gif_of_frames
from tests.support.media_samples import EXIF_FORMATS, IMAGE_FORMATS, exif_block, image_bytes


def read(data: bytes, limits: MediaLimits | None = None) -> MetadataReading:
    return read_image(io.BytesIO(data), sniff(data[:4096]), limits or MediaLimits())


@pytest.mark.parametrize("format", IMAGE_FORMATS)
def test_every_format_tells_its_dimensions(format: str) -> None:
    reading = read(image_bytes(format))
    assert (reading.metadata.width, reading.metadata.height) == (48, 32)
    assert reading.warnings == ()


@pytest.mark.parametrize("format", EXIF_FORMATS)
def test_exif_is_read_from_every_format_that_holds_it(format: str) -> None:
    reading = read(image_bytes(format, exif=exif_block()))
    metadata = reading.metadata
    assert (metadata.camera_make, metadata.camera_model, metadata.lens) == (
        "Acme",
        "Roadrunner 5",
        "Acme 50mm F1.8",
    )
    assert metadata.capture_time_text == "2021-03-04T23:59:58.250-03:30"
    assert metadata.capture_time_ns == 1_614_914_998_250_000_000
    assert metadata.latitude_degrees == pytest.approx(-33.8688, abs=1e-5)
    assert metadata.longitude_degrees == pytest.approx(-151.2093, abs=1e-5)
    assert metadata.altitude_meters == -12.5
    assert metadata.color_space == "sRGB"
    assert metadata.capture_time_offset == "-03:30"
    assert (metadata.exposure_seconds, metadata.f_number, metadata.iso) == (0.004, 2.8, 400)
    assert (metadata.focal_length_mm, metadata.flash_fired, metadata.software) == (50.0, True, "Acme OS 1.2")
    assert reading.warnings == ()


@pytest.mark.parametrize(
    ("tag", "value", "field"),
    [
        (ExifTags.Base.ExposureTime, IFDRational(0, 0), "exposure_seconds"),
        (ExifTags.Base.FNumber, IFDRational(0, 1), "f_number"),
        (ExifTags.Base.ISOSpeedRatings, 0, "iso"),
    ],
)
def test_a_quantity_that_the_camera_does_not_know_is_unset(tag: int, value: object, field: str) -> None:
    exif = exif_block()
    exif.get_ifd(ExifTags.IFD.Exif)[tag] = value
    reading = read(image_bytes("jpeg", exif=exif))
    assert getattr(reading.metadata, field) is None
    assert reading.warnings == ()


def test_a_flash_that_did_not_fire_is_known_not_to() -> None:
    exif = exif_block()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.Flash] = 0x10
    assert read(image_bytes("jpeg", exif=exif)).metadata.flash_fired is False


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif"])
def test_orientation_is_kept_beside_the_stored_dimensions(format: str) -> None:
    metadata = read(image_bytes(format, exif=exif_block(orientation=6))).metadata
    assert (metadata.width, metadata.height, metadata.orientation) == (48, 32, 6)


def test_without_an_offset_the_instant_stays_unknown() -> None:
    metadata = read(image_bytes("jpeg", exif=exif_block(offset=None))).metadata
    assert (metadata.capture_time_text, metadata.capture_time_ns) == ("2021-03-04T23:59:58.250", None)


def test_north_east_and_above_the_sea_are_positive() -> None:
    exif = exif_block(latitude=(47.3769, "N"), longitude=(8.5417, "E"), altitude_meters=408)
    metadata = read(image_bytes("jpeg", exif=exif)).metadata
    assert metadata.latitude_degrees == pytest.approx(47.3769, abs=1e-5)
    assert metadata.longitude_degrees == pytest.approx(8.5417, abs=1e-5)
    assert metadata.altitude_meters == 408


def test_the_profile_names_the_colour_space_where_exif_does_not() -> None:
    color_space = read(image_bytes("png")).metadata.color_space
    assert color_space is not None
    assert "sRGB" in color_space


def test_a_damaged_value_costs_itself_alone() -> None:
    exif = exif_block()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "X"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal] = "soon"
    exif[ExifTags.Base.Orientation] = 77
    reading = read(image_bytes("jpeg", exif=exif))
    metadata = reading.metadata
    assert (metadata.latitude_degrees, metadata.orientation, metadata.capture_time_ns) == (None, None, None)
    assert (metadata.camera_make, metadata.capture_time_text) == ("Acme", "2021-03-04T23:59:58.250")
    assert metadata.longitude_degrees is not None
    assert len(reading.warnings) == 3


def test_a_truncated_exif_block_is_a_warning() -> None:
    block = exif_block().tobytes()[:120]
    plain = image_bytes("jpeg")
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:]
    reading = read(data)
    assert (reading.metadata.width, reading.metadata.height) == (48, 32)
    assert reading.warnings


def test_exif_that_is_no_exif_is_a_warning() -> None:
    block = b"Exif\0\0this is not TIFF"
    plain = image_bytes("jpeg")
    reading = read(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:])
    assert reading.metadata.width == 48
    assert reading.warnings


def huge_png() -> bytes:
    data = bytearray(image_bytes("png"))
    data[16:24] = struct.pack(">II", 60_000, 50_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def huge_jpeg() -> bytes:
    data = bytearray(image_bytes("jpeg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 50_000)
    return bytes(data)


def huge_webp() -> bytes:
    plain = image_bytes("webp")
    canvas = (16_383).to_bytes(3, "little") * 2
    chunks = b"VP8X" + struct.pack("<II", 10, 0) + canvas + plain[12:]
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@pytest.mark.parametrize("data", [huge_png(), huge_jpeg(), huge_webp()], ids=["png", "jpeg", "webp"])
def test_too_many_pixels_are_refused_from_the_header(data: bytes) -> None:
    with pytest.raises(TooManyPixels, match=r"the limit is 100 megapixels \(max_megapixels\)") as refusal:
        read(data)
    assert refusal.value.metadata["limit"] == "100 megapixels"


def test_the_limit_on_pixels_is_exact() -> None:
    assert read(image_bytes("png"), MediaLimits(max_pixels=48 * 32)).metadata.width == 48
    with pytest.raises(TooManyPixels):
        read(image_bytes("png"), MediaLimits(max_pixels=48 * 32 - 1))


def test_each_kind_has_its_own_limit_of_bytes() -> None:
    limits = MediaLimits(max_image_bytes=10, max_video_bytes=100)
    check_size(MediaKind.IMAGE, 10, limits)
    check_size(MediaKind.VIDEO, 100, limits)
    with pytest.raises(MediaTooLarge, match="the image is larger than the limit of 10 bytes"):
        check_size(MediaKind.IMAGE, 11, limits)
    with pytest.raises(MediaTooLarge, match="max_video_bytes"):
        check_size(MediaKind.VIDEO, 101, limits)


@pytest.mark.parametrize("format", ["gif", "png", "webp"])
def test_the_frames_of_an_animation_are_counted(format: str) -> None:
    out = io.BytesIO()
    first, *others = (Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 100, 200))
    first.save(out, format, save_all=True, append_images=others)
    assert read(out.getvalue()).metadata.frames == 3
    assert read(image_bytes(format)).metadata.frames is None


def test_the_frames_of_a_gif_are_counted_however_large_they_are() -> None:
    out = io.BytesIO()
    first, *others = (Image.effect_noise((640, 480), 60 + shade) for shade in range(24))
    first.save(out, "gif", save_all=True, append_images=others)
    assert len(out.getvalue()) > 7_000_000
    assert read(out.getvalue()).metadata.frames == 24


def test_the_frames_of_a_gif_are_counted_up_to_the_limit_and_its_rest_is_not_read() -> None:
    file = io.BytesIO(gif_of_frames(100_000))
    assert read_image(file, GIF, MediaLimits(max_animation_frames=50)).metadata.frames == 51
    assert file.tell() < 2_000_000


def test_what_stands_between_the_blocks_of_a_gif_is_skipped() -> None:
    one = gif_of_frames(1)
    assert read(one[:-1] + bytes(3_000_000) + gif_of_frames(2)[19:]).metadata.frames == 3


@pytest.mark.parametrize("format", IMAGE_FORMATS)
def test_a_header_that_ends_early_is_damage(format: str) -> None:
    with pytest.raises(DamagedMedia, match=f"the {format.upper()} cannot be read"):
        read(image_bytes(format)[:20])


def test_a_header_of_countless_segments_is_damage() -> None:
    with pytest.raises(DamagedMedia, match="too many segments"):
        read(b"\xff\xd8" + b"\xff\xfe\0\2" * 200_000)
