from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from services.common.base.instants import to_ns
from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box, ObjectClass, TrackPoint
from services.processor.anonymize.options import ExcludedObject
from services.processor.video.anonymize_video import anonymize_video
from services.processor.video.errors import VideoCancelled
from services.processor.video.limits import VideoLimits
from tests.support.scenes import (
    RARE_LOOKS,
    SIDE,
    SOLID_FACES,
    BlueDetector,
    PartDetector,
    Scene,
    Storage,
    anonymize,
    blue_pixels,
    moving,
    pictures,
    resting,
    write_video,
)


def test_covers_a_moving_object_in_every_frame_though_few_are_looked_at(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    detector = BlueDetector()

    result = anonymize(source, tmp_path / "out.mp4", detector, budget=RARE_LOOKS)

    assert min(blue_pixels(source)) > 400
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    assert result.frames == 45
    assert result.detected_frames == len(detector.looks) < 20
    assert result.counts == {ObjectClass.FACE: 1}


def test_covers_an_object_before_it_is_first_seen_and_after_it_is_last_seen(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    detector = BlueDetector(sees=lambda look: 15 <= look < 25)

    anonymize(source, tmp_path / "out.mp4", detector)

    left = blue_pixels(tmp_path / "out.mp4")
    assert max(left[6:34]) == 0
    assert min(left[:5]) > 400
    assert min(left[36:]) > 400


def test_covers_an_object_while_the_detector_misses_it(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    detector = BlueDetector(sees=lambda look: not 10 <= look < 30)

    result = anonymize(source, tmp_path / "out.mp4", detector)

    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    assert len(result.tracks) == 1


def test_follows_a_known_object_through_weak_detections_and_begins_none_with_them(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())

    followed = anonymize(source, tmp_path / "a.mp4", BlueDetector(score=lambda look: 0.9 if look == 20 else 0.35))
    ignored = anonymize(source, tmp_path / "b.mp4", BlueDetector(score=lambda _: 0.35))

    assert max(blue_pixels(tmp_path / "a.mp4")) == 0
    assert followed.tracks[0].score == 0.9
    assert ignored.tracks == ()
    assert min(blue_pixels(tmp_path / "b.mp4")) > 400


def test_parts_of_a_picture_take_turns_and_what_shows_in_one_is_covered_in_every_frame(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    detector = PartDetector()

    result = anonymize(source, tmp_path / "out.mp4", detector)

    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    assert result.counts == {ObjectClass.FACE: 1}
    first, *others = detector.shares
    assert first is None
    assert [share.turn for share in others[:4] if share is not None] == [1, 2, 3, 4]


def test_all_parts_are_looked_at_where_looks_are_far_apart(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene(), Storage(time_base=Fraction(1, 4)))
    detector = PartDetector()

    anonymize(source, tmp_path / "out.mp4", detector)

    assert set(detector.shares) == {None}


def test_covers_while_the_camera_shakes(tmp_path: Path) -> None:
    shaking = Scene(camera=lambda frame: (round(6 * np.sin(frame * 1.3)), round(4 * np.cos(frame * 1.7))))
    source = write_video(tmp_path / "in.mp4", shaking)

    result = anonymize(source, tmp_path / "out.mp4", budget=RARE_LOOKS)

    assert result.detected_frames < 20
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0


def test_does_not_carry_an_object_over_a_cut(tmp_path: Path) -> None:
    cut = Scene(place=lambda frame: (60.0, 40.0) if frame < 20 else None, seed=lambda frame: 1 if frame < 20 else 2)
    source = write_video(tmp_path / "in.mp4", cut)

    result = anonymize(source, tmp_path / "out.mp4", budget=RARE_LOOKS)

    before, after = pictures(source), pictures(tmp_path / "out.mp4")
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    assert _difference(before[20], after[20]) < 3
    assert result.tracks[0].last < timedelta(seconds=20 / 30)


@pytest.mark.parametrize("last", [16, 17, 18, 19, 20])
def test_covers_what_shows_in_the_last_frame_of_a_scene_only(tmp_path: Path, last: int) -> None:
    at_cut = Scene(place=lambda n: (60.0, 40.0) if n == last else None, seed=lambda n: 1 if n <= last else 2, frames=30)
    at_end = Scene(place=lambda n: (60.0, 40.0) if n == last else None, frames=last + 1)
    for name, scene in (("cut", at_cut), ("end", at_end)):
        source = write_video(tmp_path / f"{name}.mp4", scene)

        anonymize(source, tmp_path / "out.mp4", budget=RARE_LOOKS)

        assert max(blue_pixels(source)) > 400
        assert max(blue_pixels(tmp_path / "out.mp4")) == 0


@pytest.mark.parametrize("only", [10, 11, 12, 13, 14])
def test_covers_what_shows_in_one_frame_alone_though_few_are_looked_at(tmp_path: Path, only: int) -> None:
    source = write_video(tmp_path / "in.mp4", Scene(place=lambda n: (60.0, 40.0) if n == only else None, frames=30))

    result = anonymize(source, tmp_path / "out.mp4", budget=RARE_LOOKS)

    assert max(blue_pixels(source)) > 400
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    assert result.detected_frames < 15


def test_a_restless_picture_costs_half_as_many_looks_more_at_most(tmp_path: Path) -> None:
    restless = Scene(place=lambda n: (float(n * 37 % 130), float(n * 53 % 90)), frames=60)
    source = write_video(tmp_path / "in.mp4", restless)

    result = anonymize(source, tmp_path / "out.mp4", BlueDetector(sees=lambda _: False), budget=RARE_LOOKS)

    assert 20 < result.detected_frames <= 20 * 1.5 + 4


def test_objects_on_two_sides_of_a_cut_are_two(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene(place=resting, seed=lambda frame: 1 if frame < 20 else 2))

    result = anonymize(source, tmp_path / "out.mp4")

    assert [track.object_id for track in result.tracks] == [1, 2]
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0


def test_leaves_everything_else_as_it_is(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene(place=resting))

    anonymize(source, tmp_path / "out.mp4")

    for before, after in zip(pictures(source), pictures(tmp_path / "out.mp4"), strict=True):
        assert _difference(before[:, 100:], after[:, 100:]) < 2


def test_tells_where_each_object_was_and_when(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())

    (track,) = anonymize(source, tmp_path / "out.mp4").tracks

    assert track.object_id == 1
    assert track.first == timedelta(0)
    assert track.last.total_seconds() == pytest.approx(44 / 30, abs=1e-5)
    assert track.is_covered
    for point in track.points:
        assert point.box.left == pytest.approx(10 + 60 * point.time.total_seconds(), abs=1.5)
        assert point.box.width == pytest.approx(SIDE, abs=2)


def test_covers_drawn_regions_and_spares_exempt_ones(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    region, exempt = Region.resting(Box(100, 90, 140, 110)), Region.resting(Box(60, 0, 160, 120))

    anonymize(
        source,
        tmp_path / "out.mp4",
        options=replace(SOLID_FACES, regions=(region,), exempt=(exempt,)),
    )

    left = blue_pixels(tmp_path / "out.mp4")
    assert max(left[:19]) == 0
    assert min(left[21:]) > 400
    assert max(picture[92:108, 102:138].max() for picture in pictures(tmp_path / "out.mp4")) < 40


BLANK = Scene(place=lambda _: None)
FRAME_NS = 10**9 // 30
# When frame 10 begins, to the microsecond as tracks say it.
TENTH_NS = 333_333_000


def test_a_region_covers_the_frames_of_its_span_alone(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", BLANK)
    region = Region(Region.resting(Box(100, 90, 140, 110)).keyframes, TENTH_NS, 10**9)

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, regions=(region,)))

    covered = [picture[92:108, 102:138].max() < 40 for picture in pictures(tmp_path / "out.mp4")]
    assert [number for number, is_covered in enumerate(covered) if is_covered] == list(range(10, 30))


def test_a_region_moves_with_its_keyframes(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", BLANK)
    keyframes = (TrackPoint(0, Box(0, 40, 24, 64)), TrackPoint(40 * FRAME_NS, Box(80, 40, 104, 64)))

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, regions=(Region(keyframes),)))

    for number, picture in enumerate(pictures(tmp_path / "out.mp4")):
        left = min(80, 2 * number)
        assert picture[44:60, left + 3 : left + 21].max() < 40
        assert picture[44:60, left + 32 : left + 50].max() > 45


def test_a_region_that_follows_the_track_of_an_object_hides_it(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    (track,) = anonymize(source, tmp_path / "first.mp4").tracks
    keyframes = tuple(TrackPoint(to_ns(point.time), point.box.expanded(0.2)) for point in track.points)
    options = replace(SOLID_FACES, regions=(Region(keyframes),))

    anonymize(source, tmp_path / "out.mp4", BlueDetector(sees=lambda _: False), options=options)

    assert max(blue_pixels(tmp_path / "out.mp4")) == 0


def test_an_exempt_area_counts_in_its_span_alone(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    exempt = Region(Region.resting(Box(0, 0, 160, 120)).keyframes, TENTH_NS, 10**9)

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, exempt=(exempt,)))

    left = blue_pixels(tmp_path / "out.mp4")
    assert [number for number, pixels in enumerate(left) if pixels > 400] == list(range(10, 30))


def test_an_object_of_an_earlier_processing_can_be_left_uncovered(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    best = anonymize(source, tmp_path / "first.mp4").tracks[0].best
    excluded = ExcludedObject(ObjectClass.FACE, best.box, best.time)

    result = anonymize(source, tmp_path / "second.mp4", options=replace(SOLID_FACES, excluded=(excluded,)))

    assert min(blue_pixels(tmp_path / "second.mp4")) > 400
    assert [track.is_covered for track in result.tracks] == [False]


def test_a_person_who_comes_back_is_linked_and_left_uncovered_with_their_links(tmp_path: Path) -> None:
    def place(frame: int) -> tuple[float, float] | None:
        return None if 20 <= frame < 65 else (60.0, 40.0)

    persons = replace(SOLID_FACES, object_classes=frozenset({ObjectClass.PERSON}))
    finder = partial(BlueDetector, object_class=ObjectClass.PERSON)
    source = write_video(tmp_path / "in.mp4", Scene(place, frames=85))
    first, second = anonymize(source, tmp_path / "first.mp4", finder(), persons).tracks
    assert (first.linked, second.linked) == ((second.object_id,), (first.object_id,))
    one, both = (
        tuple(ExcludedObject(ObjectClass.PERSON, track.best.box, track.best.time) for track in tracks)
        for tracks in ([first], [first, second])
    )
    for excluded, shown in ((one, [True, False]), (both, [True, True])):
        anonymize(source, tmp_path / "out.mp4", finder(), replace(persons, excluded=excluded))
        blue = blue_pixels(tmp_path / "out.mp4")
        assert [min(blue[2:18]) > 300, min(blue[67:]) > 300] == shown


def test_another_object_is_not_taken_for_an_excluded_one(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    elsewhere = ExcludedObject(ObjectClass.FACE, Box(0, 90, 24, 114), timedelta(seconds=0.5))
    later = ExcludedObject(ObjectClass.FACE, Box(10, 40, 34, 64), timedelta(seconds=1.4))

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, excluded=(elsewhere, later)))

    assert max(blue_pixels(tmp_path / "out.mp4")) == 0


def test_progress_runs_from_nothing_to_all_frames(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene())
    told: list[tuple[int, int | None]] = []

    anonymize_video(
        source,
        tmp_path / "out.mp4",
        SOLID_FACES,
        BlueDetector(),
        limits=VideoLimits(),
        progress=lambda done, total: told.append((done, total)),
        cancelled=lambda: False,
    )

    done = [one for one, _ in told]
    assert done == sorted(done)
    assert told[0] == (0, 45)
    assert told[-1] == (45, 45)


@pytest.mark.parametrize("questions", [10, 60])
def test_can_be_cancelled_in_either_pass_and_leaves_nothing(tmp_path: Path, questions: int) -> None:
    source = write_video(tmp_path / "in.mp4", Scene(place=moving))
    asked = iter(range(1000))

    with pytest.raises(VideoCancelled):
        anonymize_video(
            source,
            tmp_path / "out.mp4",
            SOLID_FACES,
            BlueDetector(),
            limits=VideoLimits(),
            progress=lambda done, total: None,
            cancelled=lambda: next(asked) >= questions,
        )

    assert not (tmp_path / "out.mp4").exists()
    assert next(asked) == questions + 1


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def test_a_region_outside_the_upright_picture_has_a_warning(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", Scene(frames=5), Storage(clockwise=90))
    inside, outside = Region.resting(Box(100, 130, 110, 150)), Region.resting(Box(130, 100, 150, 110))

    result = anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, regions=(inside, outside)))

    (warning,) = result.warnings
    assert warning.startswith("anonymize.regions[1] covers nothing")
    assert warning.endswith("outside the picture of 120 x 160 pixels")
