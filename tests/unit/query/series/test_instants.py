from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.query.series.instants import instant_texts, instants_json

LAST_NS = 9_214_646_399_999_999_999


@given(times_ns=st.lists(st.integers(0, LAST_NS), max_size=50).map(sorted))
def test_each_instant_is_the_text_that_numpy_makes_of_it(times_ns: list[int]) -> None:
    times = np.array(times_ns, np.int64)
    expected = np.datetime_as_string(times.view("datetime64[ns]"), timezone="UTC").tolist()
    assert instant_texts(times).to_pylist() == expected
    assert json.loads(b"[" + instants_json(times) + b"]") == expected
