from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject
from services.processor.photo.photo import anonymize_photo, detect_photo, read_picture
from tests.support.pictures import (
    FACE,
    FakeDetector,
    decode,
    encode,
    mean_inside,
    paint,
    worst_outside,
)

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
    after = decode(anonymize_photo(PNG, AnonymizeOptions(regions=(region,)), FakeDetector()).content)
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
