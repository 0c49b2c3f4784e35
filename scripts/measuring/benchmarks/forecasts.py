"""Prints how our forecasting methods do beside those of statsmodels, on series that it brings and on made ones.

Each method learns from all points but the last, forecasts these, and says between which two values each lies with the
probability 0.95. Error: the mean distance, in mean steps from a season to the next. Width: what statisticians call the
interval score, in the same unit; wide intervals and missed points cost. CPU: of one forecast, in milliseconds.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel

from services.processor.series.forecasting.forecast import RECENT_POINTS, RECENT_SEASONS
from services.processor.series.forecasting.smoothing import Kind, Smoothing
from services.processor.series.forecasting.theta import Theta

Points = NDArray[np.float64]
Predicted = tuple[Points, Points]
LEVEL, DEVIATIONS = 0.95, 1.96
LEAST_AHEAD = 8
# A dataset of statsmodels, its columns, and the length of their season.
DATASETS = (
    ("co2", ("co2",), 52),
    ("elec_equip", None, 12),
    ("elnino", None, 12),
    ("interest_inflation", ("Dp", "R"), 4),
    ("macrodata", ("realgdp", "realcons", "realinv", "realgovt", "cpi", "m1", "tbilrate", "unemp", "infl"), 4),
    ("nile", ("volume",), 1),
    ("sunspots", ("SUNACTIVITY",), 1),
)


class Case(NamedTuple):
    """A series to forecast."""

    known: Points
    future: Points
    season: int


def main() -> int:
    """Prints a table for each group of series."""
    parser = argparse.ArgumentParser(prog="scripts/bench forecasts", description=__doc__)
    parser.add_argument("--origins", type=int, default=6, help="how often each real series is cut, earlier each time")
    parser.add_argument("--made", type=int, default=20, help="how many made series of each shape")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    groups = {"made": list(_made(options.made))}
    try:
        groups["real"] = list(_real(options.origins))
    except FileNotFoundError:
        print("the series of statsmodels are missing: .venv/bin/pip install --force-reinstall --no-deps statsmodels")
    for name, cases in groups.items():
        print(f"{name}: {len(cases)} series")
        for kind in ("plain", "additive", "multiplicative"):
            _compare(kind, [one for one in cases if _suits(kind, one)], _smoothing(kind), _their_smoothing(kind))
        _compare("theta", cases, _theta, _their_theta)
    return 0


def _compare(name: str, cases: list[Case], *ways: Callable[[Points, int, int], Predicted]) -> None:
    figures: list[Points] = []
    for way in ways:
        found: list[tuple[float, ...]] = []
        for known, future, season in cases:
            began = time.process_time()
            expected, margin = way(known, season, len(future))
            cpu = time.process_time() - began
            step = float(np.mean(np.abs(known[season:] - known[:-season])))
            missed = np.maximum(np.abs(future - expected) - margin, 0)
            found.append(
                (
                    float(np.mean(np.abs(future - expected))) / step,
                    float(np.mean(missed == 0)),
                    float(np.mean(2 * margin + 2 / (1 - LEVEL) * missed)) / step,
                    1e3 * cpu,
                )
            )
        figures.append(np.mean(np.array(found), axis=0))
    ours, theirs = figures
    print(f"  {name} ({len(cases)}), ours / statsmodels: ", end="")
    labels = ("error", "inside", "width", "CPU ms")
    print(", ".join(f"{label} {a:.3f} / {b:.3f}" for label, a, b in zip(labels, ours, theirs, strict=True)), flush=True)


def _suits(kind: Kind, case: Case) -> bool:
    return kind == "plain" or (case.season > 1 and (kind == "additive" or float(np.min(case.known)) > 0))


def _smoothing(kind: Kind) -> Callable[[Points, int, int], Predicted]:
    def predict(known: Points, season: int, ahead: int) -> Predicted:
        with np.errstate(all="ignore"):
            smoothing = Smoothing(known, season, kind)
            return smoothing.points(ahead), DEVIATIONS * smoothing.deviations(ahead)

    return predict


def _theta(known: Points, season: int, ahead: int) -> Predicted:
    theta = Theta(known, season)
    return theta.points(ahead), DEVIATIONS * theta.deviations(ahead)


def _their_smoothing(kind: Kind) -> Callable[[Points, int, int], Predicted]:
    seasonal: Literal["add", "mul"] | None = {"additive": "add", "multiplicative": "mul"}.get(kind)  # type: ignore[assignment]

    def predict(known: Points, season: int, ahead: int) -> Predicted:
        model = ETSModel(
            known,
            error="add",
            trend="add",
            damped_trend=True,
            seasonal=seasonal,
            seasonal_periods=season if seasonal else None,
            initialization_method="heuristic",
        )
        fitted: Any = model.fit(disp=False)
        random = np.random.default_rng(0)
        paths = fitted.simulate(ahead, anchor="end", repetitions=500, rng=random)
        return np.asarray(fitted.forecast(ahead)), DEVIATIONS * np.std(np.asarray(paths).reshape(ahead, -1), axis=1)

    return predict


def _their_theta(known: Points, season: int, ahead: int) -> Predicted:
    kind = "multiplicative" if float(np.min(known)) > 0 else "additive"
    fitted = ThetaModel(known, period=season, deseasonalize=season > 1, use_test=False, method=kind).fit()
    limits = np.asarray(fitted.prediction_intervals(ahead, alpha=1 - LEVEL))
    return np.asarray(fitted.forecast(ahead)), (limits[:, 1] - limits[:, 0]) / 2


def _real(origins: int) -> Iterator[Case]:
    for name, columns, season in DATASETS:
        table = import_module(f"statsmodels.datasets.{name}").load_pandas().data
        if name == "elnino":
            series = [table.iloc[:, 1:].to_numpy().ravel()]
        else:
            series = [table[column].to_numpy() for column in (columns or table.columns[-1:])]
        for points in series:
            yield from _cut(np.asarray(points, dtype=np.float64), season, origins)


def _made(count: int) -> Iterator[Case]:
    for seed in range(count):
        random = np.random.default_rng(seed)
        season = (4, 7, 12, 24)[random.integers(4)]
        length = max(5 * season, int(random.integers(40, 300)))
        places, noise = np.arange(length), random.normal(size=length)
        pattern = np.resize(random.normal(size=season), length)
        walk = np.cumsum(random.normal(size=length))
        yield from _cut(100 + 5 * pattern + random.normal(0, 0.05) * places + noise, season, 1)
        yield from _cut((50 + 0.3 * places) * (1 + 0.06 * pattern) * (1 + 0.03 * noise), season, 1)
        yield from _cut(50 + 0.5 * walk + 4 * pattern + noise, season, 1)
        yield from _cut(10 + noise, 1, 1)
        yield from _cut(walk, 1, 1)
        yield from _cut(0.5 * places + 3 * noise, 1, 1)


def _cut(points: Points, season: int, origins: int) -> Iterator[Case]:
    """Holds back the last season, then the one before it, and so on."""
    points = points[~np.isnan(points)]
    ahead = min(max(season, LEAST_AHEAD), len(points) // 6)
    for origin in range(origins):
        end = len(points) - origin * ahead
        known = points[: end - ahead][-max(RECENT_POINTS, RECENT_SEASONS * season) :]
        if end > ahead and len(known) >= max(20, 4 * season):
            yield Case(known, points[end - ahead : end], season)


if __name__ == "__main__":
    sys.exit(main())
