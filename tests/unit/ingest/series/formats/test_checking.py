from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.series.points import Points
from services.ingest.series.formats.body import Block
from services.ingest.series.formats.checking import checked_points, in_chunks
from services.ingest.series.formats.refusals import SeriesRefused


def block(values: list[float], times: list[int] | None = None) -> Block:
    return Block(None if times is None else np.array(times), (np.array(values),))


def checked(*blocks: Block, **options):
    given = {"allow_gaps": False, "most_points": 100, "grid": None, "after_ns": None, **options}
    return list(checked_points(blocks, ["x"], **given))


@pytest.mark.parametrize(
    ("blocks", "options", "reason", "named"),
    [
        ([block([1, 2], [5, 6]), block([3, np.nan], [7, 8])], {}, "SERIES_VALUE_INVALID", "x[3]"),
        ([block([1, np.inf], [5, 6])], {"allow_gaps": True}, "SERIES_VALUE_INVALID", "x[1]"),
        ([block([1, 2], [5, 6]), block([3], [6])], {}, "SERIES_TIME_INVALID", "timestamps[2]"),
        ([block([1, 2], [5, 5])], {}, "SERIES_TIME_INVALID", "timestamps[1]"),
        ([block([1], [5])], {"after_ns": 5}, "SERIES_TIME_INVALID", "timestamps[0]"),
        ([block([1], [-1])], {}, "SERIES_TIME_INVALID", "timestamps[0]"),
        ([block([1])], {}, "SERIES_TIME_INVALID", "timestamps[0]"),
        ([block([1] * 60, list(range(60)))] * 2, {"most_points": 120}, "SERIES_TIME_INVALID", "timestamps[60]"),
        ([block([1] * 101, list(range(101)))], {}, "SERIES_TOO_MANY_POINTS", "body"),
    ],
)
def test_the_first_bad_point_is_named_by_its_place_in_the_whole_body(blocks, options, reason, named) -> None:
    with pytest.raises(SeriesRefused) as refused:
        checked(*blocks, **options)
    assert refused.value.reason == reasons.ErrorReason.Value(reason)
    assert refused.value.message.startswith(f"{named}: ")


def test_evenly_spaced_points_get_their_instants() -> None:
    (points, more) = checked(block([1, 2, 3]), block([4]), grid=(1000, 3e8, 2))
    assert [*points.times_ns, *more.times_ns] == [1007, 1010, 1013, 1017]


def test_a_gap_is_kept_with_its_bits_where_it_is_allowed() -> None:
    odd = np.array([0x7FF8_0000_0000_0123], dtype=np.int64).view(np.float64)
    (points,) = checked(Block(np.array([1]), (odd,)), allow_gaps=True)
    assert points.columns[0].view(np.int64).tolist() == [0x7FF8_0000_0000_0123]


@pytest.mark.parametrize("lengths", [[10], [4, 4], [1, 9, 1], [3, 0, 2], [25]])
def test_chunks_are_full_save_for_the_last(lengths: list[int]) -> None:
    total = sum(lengths)
    starts = np.cumsum([0, *lengths])
    parts = [Points(np.arange(a, b), (np.arange(a, b) / 2,)) for a, b in pairwise(starts)]
    chunks = list(in_chunks(parts, 4, 1))
    assert [len(chunk) for chunk in chunks[:-1]] == [4] * (len(chunks) - 1)
    assert np.concatenate([chunk.times_ns for chunk in chunks]).tolist() == list(range(total))
    assert np.concatenate([chunk.columns[0] for chunk in chunks]).tolist() == [n / 2 for n in range(total)]
