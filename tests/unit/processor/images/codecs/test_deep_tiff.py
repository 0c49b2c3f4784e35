from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from services.common.media.vocabulary import Box, KeptMetadata
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.images.codecs.deep_tiff import write_deep_page
from services.processor.images.raster import Channels, Raster
from services.processor.photo.photo import anonymize_photo
from tests.support.pictures import FakeDetector

FACE = Box(10, 10, 30, 40)
PROFILE = b"a colour profile"


def noise(samples: int, seed: int = 1) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 65536, (60, 80, samples), np.uint16)


def tiff(*pages: NDArray[Any], exif: Image.Exif | None = None) -> bytes:
    output = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(output, new=True) as file:
        for page in pages:
            channels = Channels.RGB if page.shape[2] == 3 else Channels.RGBA
            write_deep_page(file, Raster(page, channels), exif or Image.Exif(), PROFILE)  # type: ignore[arg-type]
            file.newFrame()
    return output.getvalue()


def pages_of(data: bytes) -> list[NDArray[Any]]:
    _, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return [cv2.cvtColor(page, cv2.COLOR_BGRA2RGBA if page.shape[2] == 4 else cv2.COLOR_BGR2RGB) for page in pages]


@pytest.mark.parametrize("samples", [3, 4])
def test_a_tiff_of_16_bits_keeps_them_outside_of_the_covers(samples: int) -> None:
    before = noise(samples)
    result = anonymize_photo(tiff(before), AnonymizeOptions(), FakeDetector(FACE))
    (after,) = pages_of(result.content)
    assert (after.dtype, after.shape, result.warnings) == (np.uint16, before.shape, ())
    assert np.array_equal(after[:, 45:], before[:, 45:])
    inside = np.s_[20:30, 15:25, :3]
    assert not np.array_equal(after[inside], before[inside])
    assert Image.open(io.BytesIO(result.content)).info["icc_profile"] == PROFILE


def test_a_tiff_of_another_writer_keeps_16_bits() -> None:
    before = noise(3)
    _, data = cv2.imencode(".tiff", before[..., ::-1])
    result = anonymize_photo(data.tobytes(), AnonymizeOptions(), FakeDetector(FACE))
    (after,) = pages_of(result.content)
    assert np.array_equal(after[:, 45:], before[:, 45:])


def test_each_page_keeps_16_bits() -> None:
    before = [noise(3, 1), noise(3, 2), noise(4, 3)]
    after = pages_of(anonymize_photo(tiff(*before), AnonymizeOptions(), FakeDetector(FACE)).content)
    assert [page.shape[2] for page in after] == [3, 3, 4]
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(new[:, 45:], old[:, 45:])


def test_a_tiff_of_16_bits_keeps_the_metadata_that_is_asked_for() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0131] = "secret software"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    exif[0x8769] = dict(exif.get_ifd(0x8769))
    kept = frozenset({KeptMetadata.CAMERA, KeptMetadata.CAPTURE_TIME})
    data = tiff(noise(3), exif=exif)
    result = anonymize_photo(data, AnonymizeOptions(keep_metadata=kept), FakeDetector(FACE))
    found = Image.open(io.BytesIO(result.content)).getexif()
    assert (found[0x010F], found.get_ifd(0x8769)[0x9003]) == ("Maker", "2026:01:02 03:04:05")
    assert b"secret" not in result.content
