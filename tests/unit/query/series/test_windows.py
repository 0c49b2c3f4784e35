from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.base.errors import InvalidArgument
from services.common.series.points import Points
from services.query.series.windows import MOST_WINDOWS, WindowRollup

VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=80)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.integers(1, 40), st.integers(1, 30))
def test_windows_are_those_of_the_whole_however_the_points_are_cut(values, window: int, cut: int) -> None:
    column = np.array(values)
    times = np.arange(len(column)) * 3
    rollup = WindowRollup(window, ["x"])
    for start in range(0, len(column), cut):
        rollup.add(Points(times[start : start + cut], (column[start : start + cut],)))
    rows = rollup.rows()
    assert rows.times_ns.tolist() == sorted({int(t) // window * window for t in times})
    for at, start in enumerate(rows.times_ns):
        inside = column[(times >= start) & (times < start + window)]
        inside = inside[~np.isnan(inside)]
        found = [column[at] for column in rows.columns]
        assert found[0] == len(inside)
        if len(inside):
            assert found[1] == pytest.approx(inside.mean(), rel=1e-9, abs=1e-9)
            assert (found[2], found[3]) == (inside.min(), inside.max())
            assert found[4] == pytest.approx(inside.std(), rel=1e-9, abs=1e-6)
        else:
            assert np.isnan(found[1:]).all()


def test_too_many_windows_are_refused() -> None:
    rollup = WindowRollup(1, ["x"])
    with pytest.raises(InvalidArgument, match="window"):
        rollup.add(Points(np.arange(MOST_WINDOWS + 2), (np.zeros(MOST_WINDOWS + 2),)))
