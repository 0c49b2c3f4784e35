from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from services.common.media.vocabulary import Box, Mode
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.images.codecs.jpeg import JpegDamaged, strip_jpeg
from services.processor.photo.photo import anonymize_photo, thumbnail
from tests.support.pictures import FakeDetector, decode, encode, paint

SECRET = b"do-not-publish-0042"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CORNER = Box(0, 0, 30, 30)
"""Of the upright picture: where a face is found in these tests."""


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = SECRET.decode()
    block.get_ifd(0x8825)[1] = "N"
    block.get_ifd(0x8825)[2] = (48.0, 8.0, 15.0)
    return block


def tagged(format: str, orientation: int = 1) -> bytes:
    shared = {"exif": exif(orientation), "icc_profile": PROFILE}
    match format:
        case "JPEG":
            return encode(paint(), format, **shared, comment=SECRET, xmp=SECRET, quality=95)
        case "PNG":
            texts = PngImagePlugin.PngInfo()
            texts.add_text("Comment", SECRET.decode(), zip=False)
            texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
            return encode(paint(), format, **shared, pnginfo=texts)
        case "TIFF":
            tags = {0x010E: SECRET.decode(), 0x0112: orientation}
            return encode(paint(), format, tiffinfo=tags, icc_profile=PROFILE, compression="tiff_lzw")
        case "GIF":
            return encode(paint(), format, comment=SECRET)
        case _:
            return encode(paint(), format, **shared, xmp=SECRET, quality=95)


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF"])
def test_metadata_goes_and_the_colour_profile_stays(format: str, found: bool) -> None:
    content = tagged(format)
    assert SECRET in content
    result = anonymize_photo(content, AnonymizeOptions(), FakeDetector(*([CORNER] if found else [])))
    assert SECRET not in result.content
    image = Image.open(io.BytesIO(result.content))
    assert not image.getexif().get_ifd(0x8825)
    if format != "GIF":
        assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_turned_picture_is_seen_upright_covered_there_and_shown_the_same_way_up(
    format: str, orientation: int
) -> None:
    content = tagged(format, orientation)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))).astype(np.int16)
    detector = FakeDetector(CORNER)
    result = anonymize_photo(content, AnonymizeOptions(mode=Mode.SOLID), detector)
    assert np.abs(detector.seen[0][..., ::-1] - upright).mean() < 3
    assert (result.width, result.height) == (upright.shape[1], upright.shape[0])
    shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(result.content)))).astype(np.int16)
    assert shown.shape == upright.shape
    assert shown[:20, :20].max() < 12
    assert np.abs(shown[50:, 50:] - upright[50:, 50:]).mean() < 4


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_turned_picture_without_anything_to_cover_stays_turned(orientation: int) -> None:
    for content in (tagged("JPEG", orientation), tagged("WEBP", orientation)):
        result = anonymize_photo(content, AnonymizeOptions(), FakeDetector())
        image = Image.open(io.BytesIO(result.content))
        assert image.getexif().get(0x0112, 1) == orientation
        assert np.array_equal(decode(content), decode(result.content))


def test_everything_behind_the_end_of_a_jpeg_goes() -> None:
    content = tagged("JPEG") + SECRET * 3 + tagged("JPEG")
    for detector in (FakeDetector(), FakeDetector(CORNER)):
        assert SECRET not in anonymize_photo(content, AnonymizeOptions(), detector).content


def test_the_thumbnail_in_a_jpeg_goes() -> None:
    small = encode(paint().resize((32, 24)), "JPEG")
    header = b"JFXX\0\x10" + small
    content = encode(paint(), "JPEG")
    segment = b"\xff\xe0" + (len(header) + 2).to_bytes(2, "big") + header
    content = content[:20] + segment + content[20:]
    assert content.count(b"\xff\xd8") == 2
    assert anonymize_photo(content, AnonymizeOptions(), FakeDetector()).content.count(b"\xff\xd8") == 1


def test_a_jpeg_that_cannot_be_followed_is_not_stripped() -> None:
    content = encode(paint(), "JPEG")
    with pytest.raises(JpegDamaged):
        strip_jpeg(content[:-2], 1)
    with pytest.raises(JpegDamaged):
        strip_jpeg(content[:20] + b"\0\0\0\0" + content[20:], 1)


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + bytes(40)])
def test_a_broken_exif_block_stops_nothing(block: bytes) -> None:
    content = encode(paint(), "JPEG")
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    result = anonymize_photo(content[:2] + segment + content[2:], AnonymizeOptions(), FakeDetector(CORNER))
    assert (result.width, result.height) == (160, 120)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_thumbnail_is_small_upright_and_says_nothing_else(format: str) -> None:
    content = tagged(format, 6)
    small = thumbnail(content, 60)
    image = Image.open(io.BytesIO(small))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    upright.thumbnail((60, 60))
    assert (image.format, image.size) == ("JPEG", upright.size)
    assert SECRET not in small
    assert not image.getexif()
    assert np.abs(np.asarray(image).astype(np.int16) - np.asarray(upright)).mean() < 14


def test_a_thumbnail_is_never_larger_than_the_picture() -> None:
    assert Image.open(io.BytesIO(thumbnail(encode(paint(), "PNG"), 1000))).size == (160, 120)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_every_kind_of_pixel_has_a_thumbnail(mode: str) -> None:
    image = Image.fromarray(np.full((40, 60), 300, np.uint16)) if mode == "I;16" else paint().convert(mode)
    small = Image.open(io.BytesIO(thumbnail(encode(image, "TIFF"), 30)))
    assert (small.mode, small.width) == ("RGB", 30)


def test_real_photos_lose_their_metadata_and_keep_what_they_show(shared_data: Path) -> None:
    for path in sorted((shared_data / "media" / "exif").iterdir()):
        result = anonymize_photo(path, AnonymizeOptions(), FakeDetector(Box(2, 2, 20, 20)))
        before, after = Image.open(io.BytesIO(path.read_bytes())), Image.open(io.BytesIO(result.content))
        assert after.size == before.size
        assert set(after.getexif()) <= {0x0112}
        assert after.getexif().get(0x0112, 1) == before.getexif().get(0x0112, 1)
        assert b"GPS" not in result.content[:4096]
