from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import pytest

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.object_path import HOLD_SECONDS, ObjectPath
from services.processor.video.tracking.tracker import Tracker
from services.processor.vision.detections import Detection

FACE, PERSON = ObjectClass.FACE, ObjectClass.PERSON


def timeline(frames: int, cuts: Iterable[int] = (), camera_dx: float = 0.0) -> Timeline:
    """Twenty frames a second."""
    line = Timeline(Fraction(1, 20))
    for number in range(frames):
        line.append(number, camera_dx, 0.0, number in cuts)
    return line


def at(x: float, y: float = 100.0, size: float = 20.0, kind: ObjectClass = FACE, score: float = 0.8) -> Detection:
    return Detection(kind, score, Box(x, y, x + size, y + size))


def lefts(path: ObjectPath, line: Timeline) -> list[float]:
    return [path.box_at(frame, line).left for frame in path.frames]


def test_follows_two_objects_that_pass_each_other() -> None:
    line = timeline(41)
    tracker = Tracker(line)
    for frame in range(41):
        tracker.update(frame, [at(10.0 + 5 * frame, 100), at(210.0 - 5 * frame, 108)])

    paths = tracker.finish()

    assert len(paths) == 2
    assert lefts(paths[0], line) == [10 + 5 * frame for frame in range(41)]
    assert lefts(paths[1], line) == [210 - 5 * frame for frame in range(41)]


def test_keeps_classes_apart() -> None:
    tracker = Tracker(timeline(10))
    for frame in range(10):
        tracker.update(frame, [at(50, kind=FACE), at(50, kind=PERSON)] if frame % 2 else [at(50, kind=PERSON), at(50)])

    assert sorted(path.object_class for path in tracker.finish()) == [FACE, PERSON]


def test_finds_an_object_again_where_its_movement_leads() -> None:
    line = timeline(40)
    tracker = Tracker(line)
    for frame in range(40):
        tracker.update(frame, [] if 15 <= frame < 25 else [at(10.0 + 6 * frame)])

    (path,) = tracker.finish()

    assert path.box_at(20, line).left == pytest.approx(10 + 6 * 20, abs=4)


def test_an_object_of_which_only_a_part_is_found_for_a_while_is_covered_whole() -> None:
    line = timeline(80)
    tracker = Tracker(line)
    for frame in range(0, 80, 2):
        part_only = 20 <= frame < 60
        tracker.update(frame, [at(105, 105, size=30, score=0.2)] if part_only else [at(100, size=80)])

    whole, part = tracker.finish()

    assert (whole.covered_from(line), whole.covered_to(line)) == (0, 79)
    for frame in range(80):
        box = whole.box_at(frame, line)
        assert (box.left <= 100, box.right >= 180) == (True, True)
    assert list(part.frames) == list(range(20, 60, 2))


def test_an_object_that_was_gone_for_long_is_another() -> None:
    tracker = Tracker(timeline(60))
    for frame in range(60):
        tracker.update(frame, [] if 15 <= frame < 40 else [at(10.0)])

    assert [(path.first, path.last) for path in tracker.finish()] == [(0, 14), (40, 59)]


def test_an_object_ends_with_its_scene() -> None:
    line = timeline(20, cuts=[10])
    tracker = Tracker(line)
    for frame in range(20):
        tracker.update(frame, [at(10.0)])

    one, other = tracker.finish()

    assert one.covered_to(line) == 9
    assert other.covered_from(line) == 10


def test_does_not_take_the_cameras_movement_for_the_objects() -> None:
    line = timeline(30, camera_dx=30.0)
    tracker = Tracker(line)
    for frame in range(30):
        x, _ = line.camera(frame)
        tracker.update(frame, [at(x + 10.0)])

    (path,) = tracker.finish()

    assert tracker.sizes_per_second == 0
    assert path.box_at(12, line).left == pytest.approx(10 + 30 * 13)


def test_tells_the_speed_of_the_fastest_object_in_sight() -> None:
    tracker = Tracker(timeline(20))
    for frame in range(20):
        tracker.update(frame, [at(100.0), at(10.0 + 4 * frame, 10.0)])

    assert tracker.sizes_per_second == pytest.approx(4 * 20 / 20, rel=0.1)


def test_an_object_that_left_sets_no_pace() -> None:
    tracker = Tracker(timeline(20))
    for frame in range(20):
        tracker.update(frame, [at(10.0 + 4 * frame)] if frame < 15 else [])

    assert tracker.sizes_per_second == 0


def test_covers_until_the_look_that_missed_it_and_from_the_one_before() -> None:
    line = timeline(60)
    tracker = Tracker(line)
    for frame in range(0, 60, 15):
        tracker.update(frame, [at(10.0)] if frame == 30 else [])

    (path,) = tracker.finish()

    assert (path.covered_from(line), path.covered_to(line)) == (16, 44)


def test_holds_for_a_while_however_close_the_looks() -> None:
    line = timeline(60)
    tracker = Tracker(line)
    for frame in range(60):
        tracker.update(frame, [at(10.0)] if frame == 30 else [])

    (path,) = tracker.finish()

    held = int(HOLD_SECONDS * 20)
    assert (path.covered_from(line), path.covered_to(line)) == (30 - held, 30 + held)


def test_what_is_in_sight_at_the_last_look_is_covered_to_the_end() -> None:
    line = timeline(60)
    tracker = Tracker(line)
    for frame in range(0, 50, 7):
        tracker.update(frame, [at(10.0)])

    (path,) = tracker.finish()

    assert path.covered_to(line) == 59


def test_before_and_after_its_sights_an_object_is_covered_where_it_was_and_where_it_would_be() -> None:
    line = timeline(40)
    tracker = Tracker(line)
    for frame in range(40):
        tracker.update(frame, [at(100.0 + 2 * frame)] if 10 <= frame < 20 else [])

    (path,) = tracker.finish()

    before, after = path.box_at(6, line), path.box_at(23, line)
    assert (before.left, before.right) == pytest.approx((112, 140))
    assert (after.left, after.right) == pytest.approx((138, 166))


def test_a_box_between_distant_sights_leaves_room_for_error() -> None:
    line = timeline(40)
    path = ObjectPath(FACE, None)
    path.add(0, Box(100, 100, 120, 120), 0.9)
    path.add(20, Box(200, 100, 220, 120), 0.9)

    middle, near = path.box_at(10, line), path.box_at(1, line)

    assert (middle.left + middle.right) / 2 == pytest.approx(160)
    assert middle.width > near.width > 20
