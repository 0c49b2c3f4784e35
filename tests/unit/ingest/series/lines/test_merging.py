"""Points in any order among those of a series."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.common.series.model import Chunk, chunk_points
from services.common.series.points import Points, joined
from services.ingest.series.lines.merging import in_order, merged, steps

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.floats(allow_nan=False)), min_size=1, max_size=40)


def points(pairs: list[tuple[int, float]]) -> Points:
    return Points(np.array([time for time, _ in pairs], np.int64), (np.array([value for _, value in pairs]),))


def pairs_of(one: Points) -> list[tuple[int, float]]:
    return list(zip(one.times_ns.tolist(), one.columns[0].tolist(), strict=True))


def chunk(first: int, last: int, count: int = 2) -> Chunk:
    return Chunk(f"{first}", count, 1, first, last)


@given(PAIRS)
def test_the_last_point_of_an_instant_stays(pairs: list[tuple[int, float]]) -> None:
    assert pairs_of(in_order(points(pairs))) == sorted(dict(pairs).items())


@given(PAIRS, PAIRS)
def test_a_written_point_replaces_the_stored_one(
    stored: list[tuple[int, float]], written: list[tuple[int, float]]
) -> None:
    found = merged(in_order(points(stored)), in_order(points(written)))
    assert pairs_of(found) == sorted({**dict(stored), **dict(written)}.items())


@given(PAIRS, st.lists(st.integers(0, 60), min_size=2, max_size=8, unique=True).map(sorted))
def test_every_point_goes_to_one_place_and_the_order_stays(pairs: list[tuple[int, float]], ends: list[int]) -> None:
    chunks = [chunk(first, last) for first, last in zip(ends[::2], ends[1::2], strict=False)]
    new = in_order(points(pairs))
    found = steps(chunks, new)
    assert pairs_of(joined([step.points for step in found], 1)) == pairs_of(new)
    assert [step.first for step in found] == sorted(step.first for step in found)
    for step in found:
        before = chunks[step.first - 1].last_ns if step.first else -1
        after = chunks[step.last].first_ns if step.last < len(chunks) else 10**9
        assert before < step.points.times_ns[0]
        assert step.points.times_ns[-1] < after


def test_points_after_a_full_chunk_are_a_chunk_of_their_own() -> None:
    full = chunk(0, 10, chunk_points(1))
    (step,) = steps([full], points([(11, 1.0), (12, 1.0)]))
    assert (step.first, step.last) == (1, 1)
    (step,) = steps([full], points([(9, 1.0), (12, 1.0)]))
    assert (step.first, step.last) == (0, 1)
