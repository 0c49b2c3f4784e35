from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject
from services.processor.photo.photo import anonymize_photo, detect_photo, read_picture, thumbnail
from tests.support.pictures import (
    CORNER,
    FACE,
    PROFILE,
    SECRET,
    FakeDetector,
    decode,
    encode,
    mean_inside,
    paint,
    tagged,
    worst_outside,
)
from tests.support.planted import PLANTED, frames_of

PNG = encode(paint(), "PNG")
OTHER_FACE = Box(110, 60, 130, 90)


def test_objects_are_numbered_and_say_whether_they_are_covered() -> None:
    options = AnonymizeOptions(excluded=(ExcludedObject(ObjectClass.FACE, OTHER_FACE),))
    result = anonymize_photo(PNG, options, FakeDetector(FACE, OTHER_FACE))
    assert [(one.object_id, one.is_covered) for one in result.objects] == [(1, True), (2, False)]
    after = decode(result.content)
    assert worst_outside(decode(PNG), after) == 0
    assert mean_inside(decode(PNG), after) > 20


def test_a_region_is_covered_without_any_detection() -> None:
    region = Box(5, 5, 25, 25)
    after = decode(anonymize_photo(PNG, AnonymizeOptions(regions=(Region.resting(region),)), FakeDetector()).content)
    assert worst_outside(decode(PNG), after, region) == 0
    assert mean_inside(decode(PNG), after, region) > 5


def test_a_file_is_read_like_bytes(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(PNG)
    from_path = anonymize_photo(path, AnonymizeOptions(), FakeDetector(FACE))
    assert from_path.content == anonymize_photo(PNG, AnonymizeOptions(), FakeDetector(FACE)).content


def test_where_the_time_went_is_told() -> None:
    result = anonymize_photo(PNG, AnonymizeOptions(), FakeDetector(FACE))
    assert list(result.timings) == ["decode", "detect", "cover", "encode"]


def test_who_looks_sees_the_picture_before_it_is_covered() -> None:
    seen: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
    anonymize_photo(PNG, AnonymizeOptions(), FakeDetector(FACE), look=lambda picture: seen.append(picture.copy()))
    assert np.array_equal(seen[0][..., ::-1], decode(PNG))


def test_detecting_says_what_was_found_and_how_large_the_picture_is() -> None:
    found = detect_photo(encode(paint(), "GIF"), frozenset({ObjectClass.FACE}), FakeDetector(FACE))
    assert (found.width, found.height) == (160, 120)
    assert [one.box for one in found.detections] == [FACE]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_every_picture_is_shown_to_detectors_in_colour(mode: str) -> None:
    picture, warnings = read_picture(encode(paint().convert(mode), "TIFF"))
    assert (picture.shape, picture.dtype.name, warnings) == ((120, 160, 3), "uint8", ())
    if mode == "CMYK":
        assert np.abs(picture[..., ::-1].astype(int) - np.asarray(paint())).mean() < 4


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


@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("kind", list(PLANTED))
def test_a_secret_goes_wherever_a_rarer_format_keeps_it(kind: str, found: bool) -> None:
    content = PLANTED[kind]()
    frames = frames_of(content)
    assert content.count(SECRET) >= 3 * frames
    result = anonymize_photo(content, AnonymizeOptions(), FakeDetector(*([CORNER] if found else [])))
    assert SECRET not in result.content
    assert frames_of(result.content) == result.frames == frames


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


def test_the_sizes_that_a_picture_is_too_large_for_are_reported() -> None:
    detector = FakeDetector(FACE)
    detector.limited = {ObjectClass.FACE: 71.5}
    result = anonymize_photo(PNG, AnonymizeOptions(), detector)
    assert result.limited_sizes == {ObjectClass.FACE: 71.5}


def test_a_region_outside_the_picture_has_a_warning() -> None:
    options = AnonymizeOptions(regions=(Region.resting(Box(1000, 10, 1050, 50)),))
    (warning,) = anonymize_photo(PNG, options, FakeDetector()).warnings
    assert warning.startswith("anonymize.regions[0] covers nothing: its box (left 1000,")
