from __future__ import annotations

import pytest

from services.common.workers.protocol import HEADER_BYTES, Kind, Misbehaviour, answer_limits, check_header, pack

LIMITS = answer_limits(text_bytes=100, content_bytes=1000)


def test_a_frame_in_bounds_passes_with_its_sizes() -> None:
    frame = pack(Kind.DONE, 7, b"x" * 100, b"y" * 1000)
    assert check_header(frame[:HEADER_BYTES], LIMITS) == (Kind.DONE, 7, 100, 1000)


@pytest.mark.parametrize(
    ("kind", "text_bytes", "content_bytes"),
    [
        (Kind.DONE, 101, 0),
        (Kind.DONE, 0, 1001),
        (Kind.PROGRESS, 65, 0),
        (Kind.RANGE, 10, 1),
        (Kind.FAILED, 2**20, 0),
        (Kind.READY, 1, 0),
    ],
)
def test_a_size_above_its_bound_is_misbehaviour(kind: Kind, text_bytes: int, content_bytes: int) -> None:
    with pytest.raises(Misbehaviour, match="a frame of more than"):
        check_header(pack(kind, 1, bytes(text_bytes), bytes(content_bytes)), LIMITS)


@pytest.mark.parametrize("kind", [Kind.START, Kind.RUN, Kind.CANCEL, Kind.BYTES])
def test_a_kind_that_only_parents_send_is_misbehaviour(kind: Kind) -> None:
    with pytest.raises(Misbehaviour, match="unknown kind"):
        check_header(pack(kind, 1), LIMITS)
