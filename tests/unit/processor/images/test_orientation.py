from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from services.common.media.vocabulary import Mode
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.photo.photo import anonymize_photo
from tests.support.pictures import CORNER, FakeDetector, decode, encode, paint, tagged


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


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + bytes(40)])
def test_a_broken_exif_block_stops_nothing(block: bytes) -> None:
    content = encode(paint(), "JPEG")
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    result = anonymize_photo(content[:2] + segment + content[2:], AnonymizeOptions(), FakeDetector(CORNER))
    assert (result.width, result.height) == (160, 120)
