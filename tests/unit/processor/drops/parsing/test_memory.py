from __future__ import annotations

from services.processor.drops.parsing.fast_reading import parse_drop
from services.processor.drops.parsing.memory import memory_needed
from services.processor.drops.parsing.outcomes import DropLimits, RefusedDrop


def test_containers_need_more_than_numbers_and_long_texts_nothing() -> None:
    needed = [memory_needed(values.encode(), 0) for values in ("0" * 99, "0," * 33, "[]," * 33, "{}," * 33)]
    assert needed == sorted(set(needed))
    assert needed[0] == 0


def test_a_drop_whose_values_need_too_much_memory_is_refused_with_the_limit() -> None:
    drop = b'{"time_stamp":"2019-05-01T10:00:00Z","data":[1],"a":[' + b"[]," * 100 + b"0]}"
    outcome = parse_drop(drop, DropLimits(max_memory_bytes=10_000))
    assert isinstance(outcome, RefusedDrop)
    (failure,) = outcome.failures
    assert (failure.reason.value, failure.path) == ("TOO_LARGE", "$")
    assert "10000" in failure.message
    assert not isinstance(parse_drop(drop, DropLimits(max_memory_bytes=100_000)), RefusedDrop)
