from __future__ import annotations

import pytest

from scripts.lib.spreading import spread

TESTS = [
    "tests/chaos/test_a.py::test",
    "tests/e2e/test_a.py::test[embedded]",
    "tests/e2e/test_b.py::test[embedded]",
    "tests/e2e/test_a.py::test[real]",
    "tests/e2e/test_own.py::test",
    "tests/integration/test_a.py::test",
    *(f"tests/unit/test_a.py::test[{number}]" for number in range(6)),
]


def test_two_workers_get_an_equal_count_slow_ones_first_and_share_no_mesh() -> None:
    order = [TESTS[place] for place in spread(TESTS, 2)]
    assert order[:6] == [TESTS[4], TESTS[1], TESTS[2], TESTS[3], TESTS[6], TESTS[7]]
    assert order[6:] == [TESTS[0], TESTS[5], *TESTS[8:]]


@pytest.mark.parametrize("workers", range(1, 9))
def test_every_test_comes_once(workers: int) -> None:
    assert sorted(spread(TESTS, workers)) == list(range(len(TESTS)))


def test_a_test_stays_behind_those_of_its_file() -> None:
    compared = "tests/e2e/test_b.py::test_they_agree"
    tests = [*TESTS[:3], compared, *TESTS[3:]]
    order = [tests[place] for place in spread(tests, 4)]
    assert order.index(compared) == order.index("tests/e2e/test_b.py::test[embedded]") + 1
