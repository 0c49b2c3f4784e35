"""Links between the tracks of one object that left and came back: a guess, which uncovers nothing by itself.

How often it is wrong: `scripts/evaluate links`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.media.vocabulary import ObjectClass
from services.processor.video.timeline import Timeline
from services.processor.video.tracking.object_path import ObjectPath

LINKED: Final = (ObjectClass.PERSON,)
"""The classes that get links: faces have too few colours of their own, and more than half of their links were wrong."""
LONGEST_SECONDS: Final = 60.0
"""How long an object may be out of sight."""
MOST_TIMES_LARGER: Final = 2.5
ALIKE: Final = 0.85
"""The share of their colours that two tracks must have in common.

In a video of people on a stage, 5 of 7 people had that between their first and their last sights, and of 16 pairs of
people who are seen together 1 had it, where 8 had 0.75.
"""
NEAR_SECONDS: Final = 5.0
NEAR_SIZES: Final = 1.5
NEAR_ALIKE: Final = 0.7
"""The same for a track that begins where the other ended: so soon after, in the same scene, so many sizes away."""
CLEARLY: Final = 0.1
"""By how much a link must be likelier than one to another track that is seen at the same time."""
MOST_PATHS: Final = 1000
"""A class with more tracks gets no links: in such a crowd they would be guesses among many."""


@dataclass(frozen=True, slots=True)
class _Sights:
    """The paths of one class, in the order in which they were first seen."""

    numbers: list[int]
    likeness: NDArray[np.float64]
    """Of an earlier and a later path; 0 where they cannot be one object."""
    together: NDArray[np.bool_]
    """Which are seen at the same time, and so are two objects."""


def link_paths(
    paths: Sequence[ObjectPath], timeline: Timeline, classes: Sequence[ObjectClass] = LINKED
) -> list[tuple[int, ...]]:
    """Returns for each path the indexes of the others that are probably the same object."""
    linked: list[tuple[int, ...]] = [()] * len(paths)
    for object_class in classes:
        numbers = [number for number, path in enumerate(paths) if path.object_class is object_class]
        if 2 <= len(numbers) <= MOST_PATHS:
            for group in _groups(_compare(paths, numbers, timeline)):
                for number in group:
                    linked[number] = tuple(other for other in group if other != number)
    return linked


def _groups(sights: _Sights) -> list[list[int]]:
    likeness, together = sights.likeness, sights.together
    group_of = {index: [index] for index in range(len(sights.numbers))}
    earlier, later = np.nonzero(likeness)
    # The likeliest first; of equal ones the earliest, so that the same video always has the same links.
    for position in np.lexsort((later, earlier, -likeness[earlier, later])):
        one, other = int(earlier[position]), int(later[position])
        group, joined = group_of[one], group_of[other]
        if group is joined or together[np.ix_(group, joined)].any():
            continue
        rivals = max(
            np.max(likeness[one], where=together[other], initial=0.0),
            np.max(likeness[:, other], where=together[one], initial=0.0),
        )
        if rivals > likeness[one, other] - CLEARLY:
            continue
        group += joined
        for index in joined:
            group_of[index] = group
    unique = {id(group): group for group in group_of.values()}.values()
    return [sorted(sights.numbers[index] for index in group) for group in unique if len(group) > 1]


def _compare(paths: Sequence[ObjectPath], numbers: list[int], timeline: Timeline) -> _Sights:
    found = [paths[number] for number in numbers]
    first, last = (np.array([getattr(path, end) for path in found]) for end in ("first", "last"))
    together = (first[:, None] <= last[None]) & (first[None] <= last[:, None])
    np.fill_diagonal(together, val=False)
    likeness = np.zeros(together.shape)
    begins = [timeline.seconds(path.first) for path in found]
    ends = [timeline.seconds(path.last) for path in found]
    looks = [path.appearance.mean for path in found]
    sizes = [_size(path, timeline) for path in found]
    for one, other in combinations(range(len(found)), 2):
        gap = begins[other] - ends[one]
        if found[other].first <= found[one].last or gap > LONGEST_SECONDS:
            continue
        one_look, other_look = looks[one], looks[other]
        smaller, larger = sorted((sizes[one], sizes[other]))
        if one_look is None or other_look is None or larger > MOST_TIMES_LARGER * smaller:
            continue
        alike = float(np.minimum(one_look, other_look).sum())
        needed = NEAR_ALIKE if _is_near(found[one], found[other], gap, timeline) else ALIKE
        if alike >= needed:
            likeness[one, other] = alike + ALIKE - needed
    return _Sights(numbers, likeness, together)


def _size(path: ObjectPath, timeline: Timeline) -> float:
    # The box with the best score is seldom cut off by the picture's edge.
    box = path.box_at(path.best_frame, timeline)
    return max(1.0, math.sqrt(box.width * box.height))


def _is_near(one: ObjectPath, other: ObjectPath, gap: float, timeline: Timeline) -> bool:
    if gap > NEAR_SECONDS or timeline.scene_start(one.last) != timeline.scene_start(other.first):
        return False
    end, begin = one.ends[1], other.ends[0]
    across = (end.left + end.right - begin.left - begin.right) / 2
    down = (end.top + end.bottom - begin.top - begin.bottom) / 2
    size = max(1.0, math.sqrt(end.width * end.height), math.sqrt(begin.width * begin.height))
    return bool(across**2 + down**2 <= (NEAR_SIZES * size) ** 2)
