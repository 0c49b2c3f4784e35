from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from services.common.media.refusals import DamagedMedia, EmptyMedia, UnsupportedMedia
from services.common.media.types import sniff
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.photo.photo import anonymize_photo
from tests.support.pictures import FACE, FakeDetector, decode, encode, mean_inside, paint, worst_outside

NOTHING = AnonymizeOptions(object_classes=frozenset())

EXACT = {
    **{f"png {mode}": encode(paint().convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
    **{f"bmp {mode}": encode(paint().convert(mode), "BMP") for mode in ("1", "L", "P", "RGB")},
    **{
        f"tiff {mode}": encode(paint().convert(mode), "TIFF", compression="tiff_lzw")
        for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "F")
    },
    "webp lossless": encode(paint(), "WEBP", lossless=True),
    "gif": encode(paint(), "GIF"),
}
LOSSY = {
    "jpeg": encode(paint(), "JPEG", quality=92),
    "jpeg grey": encode(paint().convert("L"), "JPEG", quality=92),
    "jpeg cmyk": encode(paint().convert("CMYK"), "JPEG", quality=92),
    "webp": encode(paint(), "WEBP", quality=90),
    "avif": encode(paint(), "AVIF", quality=90),
    "heic": encode(paint(), "HEIF", quality=90),
}


@pytest.mark.parametrize("name", EXACT)
def test_pixels_outside_stay_exactly_the_same_where_the_format_loses_nothing(name: str) -> None:
    result = anonymize_photo(EXACT[name], AnonymizeOptions(), FakeDetector(FACE))
    before, after = decode(EXACT[name]), decode(result.content)
    assert worst_outside(before, after) == 0
    assert mean_inside(before, after) > 20
    assert Image.open(io.BytesIO(result.content)).format == Image.open(io.BytesIO(EXACT[name])).format


@pytest.mark.parametrize("name", LOSSY)
def test_pixels_outside_stay_the_same_within_the_loss_of_the_format(name: str) -> None:
    result = anonymize_photo(LOSSY[name], AnonymizeOptions(), FakeDetector(FACE))
    before, after = decode(LOSSY[name]), decode(result.content)
    assert worst_outside(before, after) < 40
    assert np.abs(before - after)[:, 110:].mean() < 3
    assert mean_inside(before, after) > 20
    one, other = Image.open(io.BytesIO(LOSSY[name])), Image.open(io.BytesIO(result.content))
    assert (one.format, one.mode, one.size) == (other.format, other.mode, other.size)


@pytest.mark.parametrize("name", [*EXACT, *LOSSY])
def test_every_format_is_told_by_its_first_bytes(name: str) -> None:
    content = (EXACT | LOSSY)[name]
    assert sniff(content).format == name.split(maxsplit=1)[0]


@pytest.mark.parametrize("name", [name for name in (*EXACT, *LOSSY) if name.split()[0] in {"jpeg", "webp"}])
def test_a_picture_without_anything_to_cover_keeps_its_coded_pixels(name: str) -> None:
    content = (EXACT | LOSSY)[name]
    result = anonymize_photo(content, NOTHING, FakeDetector())
    assert np.array_equal(decode(content), decode(result.content))


@pytest.mark.parametrize("depth", ["grey", "colour", "alpha"])
def test_sixteen_bits_a_channel_stay_sixteen(depth: str) -> None:
    import cv2

    picture = np.asarray(paint()).astype(np.uint16) * 257 + 3
    source = {"grey": picture[..., 0], "colour": picture, "alpha": np.dstack([picture, picture[..., :1]])}[depth]
    content = cv2.imencode(".png", source)[1].tobytes()
    result = anonymize_photo(content, AnonymizeOptions(), FakeDetector(FACE))
    after = cv2.imdecode(np.frombuffer(result.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert after is not None
    assert after.dtype == np.uint16
    assert after.shape == source.shape
    assert np.array_equal(after[:, 110:], source[:, 110:])
    assert not np.array_equal(after[40:70, 50:70], source[40:70, 50:70])


def test_transparency_is_kept_outside_and_says_nothing_inside() -> None:
    image = paint().convert("RGBA")
    alpha = np.full((120, 160), 255, np.uint8)
    alpha[:, ::2] = 0
    image.putalpha(Image.fromarray(alpha))
    content = encode(image, "PNG")
    after = decode(anonymize_photo(content, AnonymizeOptions(), FakeDetector(FACE)).content, mode="RGBA")
    assert np.array_equal(after[:, 110:, 3], alpha[:, 110:])
    assert np.ptp(after[50:60, 55:65, 3]) < 16


def test_the_quantisation_and_sampling_of_a_jpeg_stay() -> None:
    for quality, subsampling, progressive in ((35, 2, False), (75, 1, True), (97, 0, False)):
        content = encode(paint(), "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
        result = anonymize_photo(content, AnonymizeOptions(), FakeDetector(FACE))
        before, after = Image.open(io.BytesIO(content)), Image.open(io.BytesIO(result.content))
        assert after.quantization == before.quantization  # type: ignore[attr-defined]
        assert after.layer == before.layer  # type: ignore[attr-defined]
        assert after.info.get("progressive") == before.info.get("progressive")


def test_the_pages_of_a_tiff_are_all_anonymized() -> None:
    pages = [paint(shift) for shift in (0, 20, 40)]
    content = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    result = anonymize_photo(content, AnonymizeOptions(), FakeDetector(FACE))
    assert result.frames == 3
    assert [one.object_id for one in result.objects] == [1, 2, 3]
    for page in range(3):
        before, after = decode(content, page), decode(result.content, page)
        assert worst_outside(before, after) == 0
        assert mean_inside(before, after) > 20


VIDEO = b"\0\0\0\x14ftypmp42\0\0\0\0mp42"


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"\x00" * 100, b"GIF89", b"RIFF\0\0\0\0WAVE", VIDEO])
def test_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        anonymize_photo(content, AnonymizeOptions(), FakeDetector())
    assert caught.value.http_status == 415


def test_nothing_is_refused_as_nothing() -> None:
    with pytest.raises(EmptyMedia):
        anonymize_photo(b"", AnonymizeOptions(), FakeDetector())


@pytest.mark.parametrize("name", [*EXACT, *LOSSY])
def test_a_format_name_with_garbage_behind_it_is_unreadable(name: str) -> None:
    content = (EXACT | LOSSY)[name][:24] + bytes(range(1, 200))
    with pytest.raises(DamagedMedia) as caught:
        anonymize_photo(content, AnonymizeOptions(), FakeDetector())
    assert caught.value.metadata["format"] == name.split(maxsplit=1)[0]
