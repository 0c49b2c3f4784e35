from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, KeptMetadata
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.photo.photo import anonymize_photo
from tests.support.pictures import FakeDetector

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
TIME, OFFSET, FRACTION = "2020:01:02 03:04:05", "+02:00", "250"
PLACE = {GPS.GPSLatitudeRef: "S", GPS.GPSLatitude: (52.0, 30.0, 1.5), GPS.GPSLongitudeRef: "E"}
PLACE |= {GPS.GPSLongitude: (13.0, 24.0, 3.25), GPS.GPSAltitude: 34.5, GPS.GPSAltitudeRef: b"\1"}


def exif_block(**changes: Any) -> Image.Exif:
    exif = Image.Exif()
    exif.update({Base.Make: "Acme", Base.Model: "X1", Base.Software: "secret", Base.Artist: "Ann", Base.Orientation: 6})
    photo = {Base.DateTimeOriginal: TIME, Base.OffsetTimeOriginal: OFFSET, Base.SubsecTimeOriginal: FRACTION}
    photo |= {Base.LensModel: "50 mm", Base.BodySerialNumber: "secret", Base.UserComment: b"secret"}
    exif.get_ifd(IFD.Exif).update(photo)
    exif.get_ifd(IFD.GPSInfo).update({**PLACE, GPS.GPSDateStamp: "2020:01:02"})
    for block in (exif, exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)):
        for tag in [tag for tag in block if changes.get(f"tag{tag}")]:
            block[tag] = changes[f"tag{tag}"]
    return exif


def picture(kind: str, exif: Image.Exif) -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(output, kind, exif=exif.tobytes())
    return output.getvalue()


def kept(content: bytes, kinds: Collection[KeptMetadata], *, covered: bool = True) -> Image.Exif:
    regions = (Region.resting(Box(8, 8, 24, 24)),) if covered else ()
    options = AnonymizeOptions(keep_metadata=frozenset(kinds), regions=regions)
    result = anonymize_photo(content, options, FakeDetector())
    exif = Image.open(io.BytesIO(result.content)).getexif()
    exif.get_ifd(IFD.Exif)
    return exif


@pytest.mark.parametrize("covered", [True, False])
@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_that_is_named_stays_and_no_other(kind: str, covered: bool) -> None:
    content = picture(kind, exif_block())
    camera = kept(content, [KeptMetadata.CAMERA], covered=covered)
    assert (camera[Base.Make], camera[Base.Model]) == ("Acme", "X1")
    assert dict(camera.get_ifd(IFD.Exif)) == {Base.LensModel: "50 mm"}
    assert not camera.get_ifd(IFD.GPSInfo)
    time = kept(content, [KeptMetadata.CAPTURE_TIME], covered=covered)
    expected = {Base.DateTimeOriginal: TIME, Base.OffsetTimeOriginal: OFFSET, Base.SubsecTimeOriginal: FRACTION}
    assert dict(time.get_ifd(IFD.Exif)) == expected
    place = kept(content, [KeptMetadata.LOCATION], covered=covered)
    found = dict(place.get_ifd(IFD.GPSInfo))
    assert {tag: found[tag] for tag in PLACE} == PLACE
    assert GPS.GPSDateStamp not in found
    for exif in (camera, time, place):
        assert not {Base.Software, Base.Artist} & set(exif)
    everything = kept(content, KeptMetadata, covered=covered)
    assert set(everything.get_ifd(IFD.Exif)) == {*expected, Base.LensModel}
    nothing = kept(content, [], covered=covered)
    assert not {Base.Make, Base.Model, IFD.Exif, IFD.GPSInfo} & set(nothing)


def test_metadata_stays_with_the_first_page_of_a_document() -> None:
    output = io.BytesIO()
    page = Image.new("RGB", (64, 48))
    page.save(output, "TIFF", exif=exif_block().tobytes(), save_all=True, append_images=[page])
    options = AnonymizeOptions(keep_metadata=frozenset(KeptMetadata), regions=(Region.resting(Box(8, 8, 24, 24)),))
    result = Image.open(io.BytesIO(anonymize_photo(output.getvalue(), options, FakeDetector()).content))
    assert result.n_frames == 2
    assert result.getexif().get_ifd(IFD.Exif)[Base.DateTimeOriginal] == TIME
    result.seek(1)
    assert not {Base.Make, IFD.Exif, IFD.GPSInfo} & set(result.getexif())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_picture_with_kept_metadata_is_as_upright_as_before(kind: str) -> None:
    exif = kept(picture(kind, exif_block()), [KeptMetadata.CAMERA])
    assert exif[Base.Orientation] == 6


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (Base.DateTimeOriginal, "call me: 555-0199"),
        (Base.DateTimeOriginal, "0000:00:00"),
        (GPS.GPSLatitude, (200.0, 1.0, 1.0)),
        (GPS.GPSLatitude, (1.0, 1.0)),
        (GPS.GPSLatitudeRef, "secret"),
    ],
)
def test_a_value_that_means_something_else_is_left_out(tag: int, value: Any) -> None:
    exif = kept(
        picture("JPEG", exif_block(**{f"tag{int(tag)}": value})), [KeptMetadata.CAPTURE_TIME, KeptMetadata.LOCATION]
    )
    if tag in PLACE:
        assert not exif.get_ifd(IFD.GPSInfo)
    else:
        assert not exif.get_ifd(IFD.Exif)


def test_a_long_name_of_a_camera_is_cut() -> None:
    exif = kept(picture("JPEG", exif_block(**{f"tag{int(Base.Model)}": "x" * 5000})), [KeptMetadata.CAMERA])
    assert exif[Base.Model] == "x" * 100


class Utf8(str):
    """A text that Pillow writes as cameras do."""

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        return super().encode("utf-8")


@pytest.mark.parametrize("covered", [True, False])
@pytest.mark.parametrize("kind", FORMATS)
def test_names_in_other_letters_stay_whole(kind: str, covered: bool) -> None:
    make, model, lens = "Müller", "Kamera Ü 写真", "50 µ"
    named = {Base.Make: make, Base.Model: model, Base.LensModel: lens}
    block = exif_block(**{f"tag{int(tag)}": Utf8(text) for tag, text in named.items()})
    if kind == "AVIF":
        # Pillow reads the EXIF of a turned one as ASCII.
        del block[Base.Orientation]
    block[IFD.Exif] = dict(block.get_ifd(IFD.Exif))
    output = io.BytesIO()
    picture = Image.linear_gradient("L").convert("RGB").resize((64, 48))
    # Pillow writes bytes of these two anew, in ASCII.
    picture.save(output, kind, exif=block if kind in {"TIFF", "AVIF"} else block.tobytes())

    exif = kept(output.getvalue(), [KeptMetadata.CAMERA], covered=covered)

    read = {**exif, **exif.get_ifd(IFD.Exif)}
    assert {tag: read[tag].encode("latin-1").decode() for tag in named} == named


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_formats_without_exif_keep_nothing(kind: str) -> None:
    output = io.BytesIO()
    Image.new("RGB", (32, 32)).save(output, kind)
    assert not kept(output.getvalue(), KeptMetadata)


def test_damaged_exif_keeps_nothing() -> None:
    content = picture("JPEG", exif_block())
    at = content.index(b"Exif\0\0")
    exif = kept(content[: at + 6] + b"\xff" * 8 + content[at + 14 :], KeptMetadata)
    assert not {Base.Make, Base.Model, IFD.Exif, IFD.GPSInfo} & set(exif)
