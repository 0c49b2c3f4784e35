from __future__ import annotations

import io

import pytest
from PIL import Image

from services.common.media.refusals import DamagedMedia
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.images.codecs.jpeg import JpegDamaged, JpegSource, strip_jpeg
from services.processor.images.limits import ImageLimits
from services.processor.photo.photo import anonymize_photo
from tests.support.pictures import CORNER, SECRET, FakeDetector, encode, paint, tagged


def test_everything_behind_the_end_of_a_jpeg_goes() -> None:
    content = tagged("JPEG") + SECRET * 3 + tagged("JPEG")
    for detector in (FakeDetector(), FakeDetector(CORNER)):
        assert SECRET not in anonymize_photo(content, AnonymizeOptions(), detector).content


def test_a_second_picture_in_a_jpeg_goes_with_a_warning() -> None:
    output = io.BytesIO()
    paint().save(output, "MPO", save_all=True, append_images=[paint()])
    result = anonymize_photo(output.getvalue(), AnonymizeOptions(), FakeDetector(CORNER))
    assert getattr(Image.open(io.BytesIO(result.content)), "n_frames", 1) == 1
    assert result.warnings == ("of several pictures in the file, only the first is in the output",)
    assert anonymize_photo(encode(paint(), "JPEG"), AnonymizeOptions(), FakeDetector()).warnings == ()


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
        strip_jpeg(content[:-2], b"")
    with pytest.raises(JpegDamaged):
        strip_jpeg(content[:20] + b"\0\0\0\0" + content[20:], b"")


def test_a_jpeg_of_too_many_scans_is_refused() -> None:
    data = encode(paint(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    few, many = (data[:last] + data[last:-2] * times + data[-2:] for times in (100, 1001))
    assert JpegSource(few, ImageLimits()).warnings == []
    with pytest.raises(DamagedMedia, match="more than 1000 scans"):
        JpegSource(many, ImageLimits())
