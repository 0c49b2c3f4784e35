from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.appearance import GREYS, HUES, PARTS, Appearance
from services.processor.video.tracking.links import link_paths
from services.processor.video.tracking.object_path import ObjectPath

PERSON = ObjectClass.PERSON


def timeline(seconds: int = 200, cuts: Iterable[int] = ()) -> Timeline:
    """One frame a second."""
    line = Timeline(Fraction(1))
    for number in range(seconds):
        line.append(number, 0.0, 0.0, number in cuts)
    return line


def clothes(color: int, share: float = 1.0) -> Appearance:
    """A look of one colour, or in part of the next one."""
    look = np.zeros(PARTS * (HUES + GREYS))
    look[color], look[color + 1] = share, 1 - share
    return look


def path(
    first: int, last: int, look: Appearance | None, *, x: float = 100.0, size: float = 40.0, kind: ObjectClass = PERSON
) -> ObjectPath:
    found = ObjectPath(kind, None)
    for frame in (first, last):
        found.add(frame, Box(x, 50, x + size, 50 + size), 0.9)
        if look is not None:
            found.appearance.add(look)
    return found


def links(*paths: ObjectPath, line: Timeline | None = None) -> list[tuple[int, ...]]:
    return link_paths(paths, line or timeline())


def test_who_comes_back_is_linked_each_time() -> None:
    one, two, three = (path(at, at + 5, clothes(0), x=x) for at, x in ((0, 10.0), (20, 500.0), (60, 10.0)))
    other = path(62, 70, clothes(6))
    assert links(one, two, three, other) == [(1, 2), (0, 2), (0, 1), ()]


def test_other_clothes_another_class_or_no_look_are_no_link() -> None:
    first = path(0, 5, clothes(0))
    for second in (
        path(20, 25, clothes(4)),
        path(20, 25, clothes(0), kind=ObjectClass.VEHICLE),
        path(20, 25, None),
        path(5, 9, clothes(0)),
        path(70, 75, clothes(0)),
        path(20, 25, clothes(0), size=120.0),
    ):
        assert links(first, second) == [(), ()]


def test_classes_that_are_not_measured_get_no_links() -> None:
    for kind in set(ObjectClass) - {PERSON}:
        assert links(path(0, 5, clothes(0), kind=kind), path(20, 25, clothes(0), kind=kind)) == [(), ()]


def test_who_comes_back_at_once_where_he_left_may_look_a_little_different() -> None:
    first, near, far = path(0, 5, clothes(0)), path(8, 9, clothes(0, 0.75)), path(8, 9, clothes(0, 0.75), x=900.0)
    assert links(first, near) == [(1,), (0,)]
    assert links(first, far) == [(), ()]
    # A cut moves everything: near means nothing across it.
    assert links(first, near, line=timeline(cuts=[7])) == [(), ()]


def test_two_who_look_alike_at_one_time_leave_it_open_who_came_back() -> None:
    first = path(0, 5, clothes(0))
    twins = [path(20, 25, clothes(0), x=x) for x in (100.0, 300.0)]
    assert links(first, *twins) == [(), (), ()]
    assert links(*[path(0, 5, clothes(0), x=x) for x in (100.0, 300.0)], path(20, 25, clothes(0))) == [(), (), ()]
    # One of them looks clearly more like the first.
    assert links(first, twins[0], path(20, 25, clothes(0, 0.87), x=300.0)) == [(1,), (0,), ()]


def test_a_chain_never_holds_two_that_are_seen_together() -> None:
    paths = [
        path(0, 5, clothes(0)),
        path(10, 15, clothes(0, 0.93)),
        path(14, 30, clothes(0, 0.86)),
        path(40, 45, clothes(0, 0.9)),
    ]
    for number, linked in enumerate(links(*paths)):
        assert not {number, *linked} >= {1, 2}


def test_a_crowd_gets_no_links() -> None:
    crowd = [path(at // 10, at // 10 + 1, clothes(0)) for at in range(1001)]
    assert set(links(*crowd)) == {()}
