from __future__ import annotations

import struct
import zlib

import pytest
from PIL import Image

from services.common.media.refusals import DamagedMedia, MediaTooLong, TooManyPixels
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.images.limits import ImageLimits
from services.processor.photo.photo import anonymize_photo
from tests.support.pictures import FACE, FakeDetector, decode, encode, mean_inside, paint

SMALL = ImageLimits(max_pixels=160 * 120, max_frames=10, max_animation_pixels=160 * 120 * 5)


def refuse(content: bytes, limits: ImageLimits | None = None) -> TooManyPixels | MediaTooLong:
    detector = FakeDetector(FACE)
    with pytest.raises((TooManyPixels, MediaTooLong)) as caught:
        anonymize_photo(content, AnonymizeOptions(), detector, limits=limits)
    assert detector.seen == []
    return caught.value


def with_size(content: bytes, at: int, kind: str, width: int, height: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(kind, changed, at, width, height)
    return bytes(changed)


def test_what_a_header_claims_is_refused_before_anything_is_decoded() -> None:
    jpeg = encode(paint(), "JPEG")
    assert "3600 megapixels" in str(refuse(with_size(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH", 60000, 60000)))
    refuse(with_size(encode(paint(), "BMP"), 18, "<ii", 60000, 60000))
    refuse(with_size(encode(paint(), "GIF"), 6, "<HH", 65535, 65535))
    png = bytearray(encode(paint(), "PNG"))
    struct.pack_into(">II", png, 16, 60000, 60000)
    struct.pack_into(">I", png, 29, zlib.crc32(png[12:29]))
    error = refuse(bytes(png))
    assert error.metadata == {"limit": "100 megapixels", "found": "3600 megapixels"}
    webp = bytearray(encode(paint(), "WEBP", save_all=True, append_images=[paint(9)]))
    at = webp.index(b"VP8X")
    webp[at + 12 : at + 18] = (16382).to_bytes(3, "little") * 2
    refuse(bytes(webp))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_a_picture_of_exactly_the_limit_passes_and_a_larger_one_does_not(format: str) -> None:
    assert anonymize_photo(encode(paint(), format), AnonymizeOptions(), FakeDetector(), limits=SMALL).width == 160
    refuse(encode(paint().resize((162, 120)), format), SMALL)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_too_many_frames_are_refused(format: str) -> None:
    frames = [paint(shift).resize((16, 12)) for shift in range(0, 154, 14)]
    error = refuse(encode(frames[0], format, save_all=True, append_images=frames[1:]), SMALL)
    assert error.metadata == {"limit": "10 frames", "found": "11 frames"}


def test_too_many_pixels_in_all_frames_are_refused() -> None:
    frames = [paint(shift) for shift in range(0, 60, 10)]
    error = refuse(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]), SMALL)
    assert "megapixels in all frames" in error.message


def test_a_gif_of_thirty_thousand_frames_is_refused() -> None:
    gif = encode(Image.new("P", (8, 8)), "GIF")
    start = gif.index(b",")
    refuse(gif[:start] + (b"\x21\xf9\x04\0\x05\0\0\0" + gif[start:-1]) * 30_000 + b";")


def test_a_png_whose_data_cannot_fill_its_size_is_refused() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    with pytest.raises(DamagedMedia, match="far too short"):
        anonymize_photo(data, AnonymizeOptions(), FakeDetector())


def test_pages_that_go_in_circles_are_seen_once() -> None:
    tiff = bytearray(encode(paint(), "TIFF"))
    (first,) = struct.unpack_from("<I", tiff, 4)
    (entries,) = struct.unpack_from("<H", tiff, first)
    struct.pack_into("<I", tiff, first + 2 + 12 * entries, first)
    assert anonymize_photo(bytes(tiff), AnonymizeOptions(), FakeDetector()).frames == 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.7, 0.95])
def test_what_is_there_of_a_cut_off_picture_is_anonymized_with_a_warning(format: str, share: float) -> None:
    whole = encode(paint(), format, **({"quality": 95} if format == "JPEG" else {}))
    result = anonymize_photo(whole[: int(len(whole) * share)], AnonymizeOptions(), FakeDetector(FACE))
    assert (result.width, result.height) == (160, 120)
    assert "what can be decoded was anonymized" in result.warnings[0]
    assert mean_inside(decode(whole), decode(result.content)) > 15


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF"])
def test_no_damage_has_another_end_than_a_picture_or_a_typed_error(format: str) -> None:
    import numpy as np

    whole = encode(paint(), format)
    random = np.random.default_rng(3)
    for _ in range(12):
        damaged = bytearray(whole)
        for at in random.integers(12, len(whole), 6):
            damaged[at] = random.integers(0, 256)
        try:
            result = anonymize_photo(bytes(damaged), AnonymizeOptions(), FakeDetector(FACE), limits=ImageLimits(10**6))
        except (DamagedMedia, TooManyPixels, MediaTooLong):
            continue
        assert decode(result.content).size > 0
