from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions, ExcludedObject
from services.processor.photo.photo import anonymize_photo
from services.processor.vision.detections import TileShare
from tests.support.pictures import FACE, FakeDetector, decode, encode, mean_inside, paint, worst_outside

DURATIONS = [50, 60, 70, 80, 90, 100]
FRAMES = [paint(number) for number in range(6)]


def animate(format: str, **options: object) -> bytes:
    shared = {"save_all": True, "append_images": FRAMES[1:], "duration": DURATIONS}
    return encode(FRAMES[0], format, **{**shared, **options})


ANIMATIONS = {
    "gif": animate("GIF", loop=3),
    "gif cleared": animate("GIF", disposal=2, loop=0),
    "gif restored": animate("GIF", disposal=[1, 3, 3, 1, 2, 1]),
    "gif once": animate("GIF"),
    "webp": animate("WEBP", quality=90, loop=2),
    "webp lossless": animate("WEBP", lossless=True),
    "png": animate("PNG", loop=4),
    "avif": animate("AVIF", quality=90),
}


def durations(content: bytes) -> list[float]:
    image = Image.open(io.BytesIO(content))
    shown = []
    for frame in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(frame)
        image.load()
        shown.append(image.info["duration"])
    return shown


@pytest.mark.parametrize("name", ANIMATIONS)
def test_every_frame_is_anonymized_and_keeps_its_time(name: str) -> None:
    content = ANIMATIONS[name]
    result = anonymize_photo(content, AnonymizeOptions(), FakeDetector(FACE))
    assert result.frames == 6
    assert durations(result.content) == durations(content)
    assert Image.open(io.BytesIO(result.content)).info.get("loop") == Image.open(io.BytesIO(content)).info.get("loop")
    exact = name.startswith(("gif", "png")) or name == "webp lossless"
    for frame in range(6):
        before, after = decode(content, frame), decode(result.content, frame)
        assert worst_outside(before, after) <= (0 if exact else 60)
        assert mean_inside(before, after) > 10


def test_the_disposal_of_each_frame_of_a_gif_stays() -> None:
    def disposals(content: bytes) -> list[int]:
        image = Image.open(io.BytesIO(content))
        seen = []
        for frame in range(6):
            image.seek(frame)
            seen.append(image.disposal_method)  # type: ignore[attr-defined]
        return seen

    for name in ("gif", "gif cleared", "gif restored"):
        result = anonymize_photo(ANIMATIONS[name], AnonymizeOptions(), FakeDetector(FACE))
        assert disposals(result.content) == disposals(ANIMATIONS[name])


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_transparent_parts_come_and_go_as_they_did(format: str) -> None:
    frames = []
    for number in range(4):
        frame = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
        frame.paste((200, 40 * number, 30, 255), (8 * number, 8, 8 * number + 16, 40))
        frames.append(frame)
    options = {"lossless": True} if format == "WEBP" else {}
    content = encode(frames[0], format, save_all=True, append_images=frames[1:], duration=100, disposal=2, **options)
    result = anonymize_photo(content, AnonymizeOptions(regions=(Region.resting(Box(50, 40, 60, 46)),)), FakeDetector())
    for number in range(4):
        before, after = decode(content, number, "RGBA"), decode(result.content, number, "RGBA")
        before[38:, 48:] = after[38:, 48:] = 0
        assert np.array_equal(before[..., 3], after[..., 3])
        assert np.array_equal(before[before[..., 3] > 0], after[before[..., 3] > 0])


def test_frames_of_a_gif_that_become_alike_are_all_kept() -> None:
    content = animate("GIF")
    everything = AnonymizeOptions(mode=Mode.SOLID, regions=(Region.resting(Box(0, 0, 160, 120)),))
    result = anonymize_photo(content, everything, FakeDetector())
    assert durations(result.content) == durations(content)
    for frame in range(6):
        assert decode(result.content, frame).max() < 4


def test_frames_of_a_webp_that_become_alike_are_shown_for_as_long() -> None:
    frames = [FRAMES[0], FRAMES[0].copy(), FRAMES[0].copy(), FRAMES[3]]
    for number, frame in enumerate(frames[:3]):
        frame.paste((200, 60 * number, 30), (40, 40, 80, 80))
    content = encode(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=[50, 60, 70, 80], lossless=True, loop=2
    )
    options = AnonymizeOptions(mode=Mode.SOLID, regions=(Region.resting(Box(30, 30, 90, 90)),))
    result = anonymize_photo(content, options, FakeDetector())
    assert durations(content) == [50, 60, 70, 80]
    assert durations(result.content) == [180, 80]
    assert Image.open(io.BytesIO(result.content)).info["loop"] == 2
    for before, after in ((0, 0), (3, 1)):
        assert worst_outside(decode(content, before), decode(result.content, after), Box(28, 28, 92, 92)) == 0
        assert decode(result.content, after)[40:80, 40:80].max() == 0


def test_a_webp_that_shows_one_picture_throughout_becomes_that_picture() -> None:
    everything = AnonymizeOptions(mode=Mode.SOLID, regions=(Region.resting(Box(0, 0, 160, 120)),))
    result = anonymize_photo(animate("WEBP"), everything, FakeDetector())
    assert result.frames == 6
    assert decode(result.content).max() < 4


def test_an_object_of_an_animation_is_one_object_with_a_track() -> None:
    result = anonymize_photo(ANIMATIONS["gif"], AnonymizeOptions(), FakeDetector(FACE))
    (found,) = result.objects
    assert (found.object_id, found.object_class, found.is_covered) == (1, ObjectClass.FACE, True)
    assert found.track[0][0] == timedelta(0)
    assert found.track[-1][0] == timedelta(milliseconds=sum(DURATIONS[:-1]))


def test_the_parts_of_an_animations_frames_take_turns_where_it_is_fast() -> None:
    fast, slow = FakeDetector(FACE), FakeDetector(FACE)
    anonymize_photo(animate("GIF"), AnonymizeOptions(), fast)
    anonymize_photo(animate("GIF", duration=500), AnonymizeOptions(), slow)
    assert fast.shares == [TileShare(1, 6), TileShare(2, 5), TileShare(3, 4), TileShare(4, 3), TileShare(5, 3)]
    assert len(fast.seen) == len(slow.seen) == 6
    assert slow.shares == []


def test_an_object_of_an_animation_can_be_excluded() -> None:
    options = AnonymizeOptions(excluded=(ExcludedObject(ObjectClass.FACE, FACE, timedelta(milliseconds=120)),))
    result = anonymize_photo(ANIMATIONS["gif"], options, FakeDetector(FACE))
    assert [one.is_covered for one in result.objects] == [False]
    for frame in range(6):
        assert np.array_equal(decode(ANIMATIONS["gif"], frame), decode(result.content, frame))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_without_anything_to_cover_stays_as_it_is(format: str) -> None:
    content = animate(format)
    result = anonymize_photo(content, AnonymizeOptions(), FakeDetector())
    assert durations(result.content) == durations(content)
    assert np.array_equal(decode(content, 3), decode(result.content, 3))


def test_the_work_on_an_animation_can_be_ended_between_frames() -> None:
    done: list[int] = []

    def advance(frames: int) -> None:
        done.append(frames)
        if len(done) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        anonymize_photo(ANIMATIONS["gif"], AnonymizeOptions(), FakeDetector(FACE), advance=advance)
    assert len(done) == 3


def test_a_region_outside_an_animation_has_a_warning() -> None:
    options = AnonymizeOptions(regions=(Region.resting(Box(1000, 10, 1050, 50)),))
    (warning,) = anonymize_photo(ANIMATIONS["gif"], options, FakeDetector()).warnings
    assert warning.startswith("anonymize.regions[0] covers nothing: its box (left 1000,")
