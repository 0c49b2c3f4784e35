"""Points that come in any order, put among those of a series: of two at one instant, the later written one stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.common.series.model import Chunk, chunk_points
from services.common.series.points import Points, joined


@dataclass(frozen=True, slots=True)
class Step:
    """Points to be written in the place of the chunks from `first` up to `last`, which is left out."""

    first: int
    last: int
    points: Points


def in_order(points: Points) -> Points:
    """The points by time, the last one of each instant."""
    order = np.argsort(points.times_ns, kind="stable")
    times = points.times_ns[order]
    is_last = np.append(times[1:] != times[:-1], True)
    return Points(times[is_last], tuple(column[order][is_last] for column in points.columns))


def merged(stored: Points, written: Points) -> Points:
    """Both, where a written point replaces the stored one of its instant."""
    return in_order(joined([stored, written], len(written.columns)))


def is_same(one: Points, other: Points) -> bool:
    """Whether two have the same instants and bits."""
    return np.array_equal(one.times_ns, other.times_ns) and all(
        mine.tobytes() == yours.tobytes() for mine, yours in zip(one.columns, other.columns, strict=True)
    )


def steps(chunks: Sequence[Chunk], points: Points) -> list[Step]:
    """Where points in order go: each part to the chunk that spans it, or to the one before it.

    So what is written again is the chunks that get a point, and no other.
    """
    if not chunks:
        return [Step(0, 0, points)]
    # A chunk takes the points from its first one up to the first one of the next.
    starts = np.array([chunk.first_ns for chunk in chunks], np.int64)
    places = np.maximum(np.searchsorted(starts, points.times_ns, side="right") - 1, 0)
    edges = np.flatnonzero(np.diff(places, prepend=-1))
    ends = np.append(edges[1:], len(places))
    found = []
    for start, end in zip(edges.tolist(), ends.tolist(), strict=True):
        place = int(places[start])
        part = points.part(start, end)
        is_full = chunks[place].point_count >= chunk_points(1)
        follows = is_full and int(part.times_ns[0]) > chunks[place].last_ns
        found.append(Step(place + 1, place + 1, part) if follows else Step(place, place + 1, part))
    return found
