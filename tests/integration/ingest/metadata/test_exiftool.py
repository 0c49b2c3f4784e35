"""Real photos, read as an independent tool reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.common.media.model import Metadata
from services.common.media.types import AVIF, HEIC, MediaType, sniff
from services.common.media.vocabulary import MediaKind
from services.ingest.metadata.image import read_image
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.video import read_video
from tests.support.media_samples import EXIF_FORMATS, exif_block, image_bytes, video_bytes

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not on PATH")

_COLOR_SPACES = {1: "sRGB", 2: "Adobe RGB", 65535: "Uncalibrated"}


def exiftool(*paths: Path) -> list[dict[str, Any]]:
    tags = [
        "-EXIF:all",
        "-Composite:all",
        "-File:all",
        "-Orientation",
        "-QuickTime:all",
        "-Track1:all",
        "-ICC_Profile:all",
    ]
    command = ["exiftool", "-json", "-n", "-G0", *tags, *map(str, paths)]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def ours(path: Path) -> tuple[MediaType, Metadata]:
    with path.open("rb") as file:
        media_type = sniff(file.read(4096))
        read = read_image if media_type.kind is MediaKind.IMAGE else read_video
        return media_type, read(file, media_type, MediaLimits()).metadata


def assert_agree(path: Path, theirs: dict[str, Any]) -> None:
    media_type, mine = ours(path)
    dimensions = (mine.width, mine.height)
    assert dimensions == (theirs.get("File:ImageWidth", mine.width), theirs.get("File:ImageHeight", mine.height)), (
        path.name
    )
    assert mine.camera_make == _text(theirs.get("EXIF:Make")), path.name
    assert mine.camera_model == _text(theirs.get("EXIF:Model")), path.name
    assert mine.lens == _text(theirs.get("EXIF:LensModel")), path.name
    # AVIF and HEIC turn the picture by a property of their own, which exiftool does not show.
    if media_type not in (AVIF, HEIC):
        orientation = next((value for name, value in theirs.items() if name.endswith(":Orientation")), None)
        assert mine.orientation == orientation, path.name
    if (color_space := theirs.get("EXIF:ColorSpace")) not in (None, 65535):
        assert mine.color_space == _COLOR_SPACES[color_space], path.name
    assert _exif_time(mine) == (theirs.get("EXIF:DateTimeOriginal"), theirs.get("EXIF:OffsetTimeOriginal")), path.name
    assert mine.latitude_degrees == _near(theirs.get("Composite:GPSLatitude"), 1e-9), path.name
    assert mine.longitude_degrees == _near(theirs.get("Composite:GPSLongitude"), 1e-9), path.name
    assert mine.altitude_meters == _near(theirs.get("Composite:GPSAltitude"), 1e-3), path.name


def _text(value: object) -> str | None:
    return None if value is None else str(value).strip()


def _near(value: float | None, distance: float) -> object:
    return None if value is None else pytest.approx(value, abs=distance)


def _exif_time(metadata: Metadata) -> tuple[str | None, str | None]:
    if metadata.capture_time_text is None:
        return None, None
    clock, rest = metadata.capture_time_text[:19], metadata.capture_time_text[19:]
    offset = rest[-6:] if metadata.capture_time_ns is not None else None
    return clock.replace("-", ":").replace("T", " "), offset


def test_every_photo_at_hand_agrees(shared_data: Path) -> None:
    photos = sorted((shared_data / "media" / "exif").iterdir())
    assert len(photos) >= 20
    for photo, theirs in zip(photos, exiftool(*photos), strict=True):
        assert_agree(photo, theirs)


@pytest.mark.parametrize("format", EXIF_FORMATS)
def test_every_format_that_holds_exif_agrees(format: str, tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(image_bytes(format, exif=exif_block(orientation=1), size=(64, 64)))
    (theirs,) = exiftool(path)
    assert theirs["EXIF:LensModel"] == "Acme 50mm F1.8"
    assert_agree(path, theirs)


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_the_rotation_of_a_video_agrees(clockwise: int, tmp_path: Path) -> None:
    path = tmp_path / "video"
    path.write_bytes(video_bytes("mp4", clockwise_degrees=clockwise))
    (theirs,) = exiftool(path)
    assert ours(path)[1].rotation_degrees == theirs["Composite:Rotation"] == clockwise


def test_every_video_at_hand_agrees(shared_data: Path) -> None:
    videos = sorted((shared_data / "media" / "videos").glob("*.mp4"))
    for path, theirs in zip(videos, exiftool(*videos), strict=True):
        _, mine = ours(path)
        assert (mine.width, mine.height) == tuple(map(int, str(theirs["Composite:ImageSize"]).split())), path.name
        assert mine.duration_seconds == pytest.approx(theirs["QuickTime:Duration"], rel=0.01), path.name
        assert mine.frame_rate == pytest.approx(theirs["QuickTime:VideoFrameRate"], rel=0.001), path.name
        assert mine.rotation_degrees == theirs["Composite:Rotation"], path.name
