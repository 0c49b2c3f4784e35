"""A plugin of pytest that orders the tests for the workers of pytest-xdist: each gets slow ones first, then quick ones.

With `--dist worksteal` each worker begins with an equal count of tests, in their order, and a worker without any takes
the last ones of another. So a mesh that tests share starts in one worker, and the tests that move to another worker or
run at the end are quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pytest

QUICK = "tests/unit/"
KINDS = 5


def kind_of(test: str) -> int:
    """The kind of a slow test; tests that share servers and meshes are of one."""
    name, _, parameters = test.partition("[")
    if name.startswith("tests/e2e/"):
        return 1 if "embedded" in parameters else 2 if "real" in parameters else 0
    return 4 if name.startswith("tests/integration/") else 3


def spread(tests: Sequence[str], workers: int) -> list[int]:
    """The places of the tests in the order in which the workers get them."""
    kinds = {test: kind_of(test) for test in tests if not test.startswith(QUICK)}
    embedded = {_file(test) for test, kind in kinds.items() if kind == 1}
    # A test may compare what others of its file found.
    kinds |= {test: 1 for test, kind in kinds.items() if kind == 0 and _file(test) in embedded}
    slow = [place for place, test in enumerate(tests) if test in kinds]
    quick = (place for place, test in enumerate(tests) if test not in kinds)
    shares: list[list[int]] = [[] for _ in range(workers)]
    for place in sorted(slow, key=lambda place: kinds[tests[place]]):
        shares[kinds[tests[place]] * workers // KINDS].append(place)
    order: list[int] = []
    for number, share in enumerate(shares, 1):
        order += share
        order += islice(quick, max(0, len(tests) * number // workers - len(order)))
    return order


def _file(test: str) -> str:
    return test.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Orders what a worker has collected, as every other worker does; pytest has put together what shares fixtures."""
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        items[:] = [items[place] for place in spread([item.nodeid for item in items], workerinput["workercount"])]
