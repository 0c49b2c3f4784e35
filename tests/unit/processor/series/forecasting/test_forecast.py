from __future__ import annotations

import numpy as np
import pytest

from services.processor.series.forecasting.forecast import NAIVE, TooShort, forecast

# Passengers of international airlines by month, in thousands (Box and Jenkins).
PASSENGERS = np.fromstring(
    "112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140 "
    "145 150 178 163 172 178 199 199 184 162 146 166 171 180 193 181 183 218 230 242 209 191 172 194 "
    "196 196 236 235 229 243 264 272 237 211 180 201 204 188 235 227 234 264 302 293 259 229 203 229 "
    "242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374 413 405 355 306 271 306 "
    "315 301 356 348 355 422 465 467 404 347 305 336 340 318 362 348 363 435 491 505 404 359 310 337 "
    "360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432",
    sep=" ",
)


def seasonal(seed: int, count: int = 240, season: int = 24) -> np.ndarray:
    positions = np.arange(count)
    noise = np.random.default_rng(seed).normal(0, 2, count)
    return 100 + 0.1 * positions + 10 * np.sin(2 * np.pi * positions / season) + noise


def test_it_is_nearer_than_the_last_season_to_the_last_year_of_passengers():
    known, future = PASSENGERS[:-12], PASSENGERS[-12:]
    predicted = forecast(known, 12)
    naive = np.mean(np.abs(known[-12:] - future))
    assert predicted.season_length == 12
    assert predicted.beats_naive
    assert np.mean(np.abs(predicted.points - future)) < naive / 3
    assert np.mean((predicted.lower <= future) & (future <= predicted.upper)) >= 0.9


def test_the_chosen_method_has_the_smallest_error_of_the_backtest():
    predicted = forecast(seasonal(1), 24)
    errors = [tried.mean_absolute_error for tried in predicted.backtests]
    assert predicted.backtests[0].method == predicted.method
    assert errors == sorted(errors)
    assert NAIVE in [tried.method for tried in predicted.backtests]


@pytest.mark.parametrize("seed", range(5))
def test_intervals_hold_the_future_about_as_often_as_they_say(seed):
    points = seasonal(seed, 264)
    predicted = forecast(points[:-24], 24, level=0.9)
    assert np.mean((predicted.lower <= points[-24:]) & (points[-24:] <= predicted.upper)) >= 0.7
    wider = forecast(points[:-24], 24, level=0.99)
    assert np.all(wider.upper - wider.lower > predicted.upper - predicted.lower)


def test_a_random_walk_says_when_nothing_beats_the_last_season():
    walks = [forecast(np.cumsum(np.random.default_rng(seed).normal(size=60)), 5, season=1) for seed in range(6)]
    assert any(not walk.beats_naive for walk in walks)
    assert all(walk.beats_naive == (walk.backtests[0].method != NAIVE) for walk in walks)


@pytest.mark.parametrize(("count", "horizon"), [(12, 12), (20, 12), (50, 12), (100, 24)])
@pytest.mark.parametrize("season", [None, 4])
def test_a_line_goes_on(count, horizon, season):
    line = 3 + 7.0 * np.arange(count + horizon)
    predicted = forecast(line[:count], horizon, season=season)
    np.testing.assert_allclose(predicted.points, line[count:])
    assert np.all((predicted.lower <= line[count:]) & (line[count:] <= predicted.upper))


@pytest.mark.parametrize(("count", "horizon"), [(20, 12), (100, 24)])
def test_intervals_hold_what_follows_lines_with_noise(count, horizon):
    inside = []
    for seed in range(20):
        points = 5 + 0.7 * np.arange(count + horizon) + np.random.default_rng(seed).normal(size=count + horizon)
        predicted = forecast(points[:count], horizon)
        inside.append((predicted.lower <= points[count:]) & (points[count:] <= predicted.upper))
    assert 0.9 <= np.mean(inside) <= 0.99


def test_a_constant_series_goes_on():
    predicted = forecast(np.full(40, 7.0), 3)
    assert predicted.points.tolist() == predicted.lower.tolist() == predicted.upper.tolist() == [7.0, 7.0, 7.0]


def test_the_same_series_always_has_the_same_forecast():
    first, second = forecast(seasonal(3), 12), forecast(seasonal(3), 12)
    assert np.array_equal(first.upper, second.upper)


@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_the_unit_does_not_matter(factor):
    points = seasonal(2)
    expected, found = forecast(points, 12), forecast(points * factor, 12)
    assert found.method == expected.method
    np.testing.assert_allclose(found.upper / factor, expected.upper, rtol=1e-6)
    assert found.backtests[0].root_mean_square_error / factor == pytest.approx(
        expected.backtests[0].root_mean_square_error
    )


@pytest.mark.parametrize("points", [np.resize([1.0, 1e-300, 1e-300], 60), np.resize([1e308, -1e308, 1e-300], 60)])
@pytest.mark.parametrize("last", [1.0, 1e-300, 1e308])
def test_points_of_any_size_have_a_forecast(points, last):
    points[-1] = last
    assert np.isfinite(forecast(points, 7, season=3).points).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_forecast_beyond_the_largest_number_is_the_largest_number(sign):
    predicted = forecast(sign * np.linspace(1e308, 1.7e308, 20), 12)
    assert np.isfinite([predicted.points, predicted.lower, predicted.upper]).all()
    assert predicted.points[-1] == sign * np.finfo(np.float64).max
    assert np.all((predicted.lower <= predicted.points) & (predicted.points <= predicted.upper))
    assert all(np.isfinite(tried.root_mean_square_error) for tried in predicted.backtests)


def test_a_gap_between_the_largest_numbers_is_bridged():
    predicted = forecast(np.resize([1.7e308, np.nan, -1.7e308], 30), 12)
    assert np.isfinite([predicted.points, predicted.lower, predicted.upper]).all()


def test_gaps_are_bridged():
    points = seasonal(4)
    points[[5, 100, 101, -1]] = np.nan
    assert np.isfinite(forecast(points, 24).points).all()


@pytest.mark.parametrize(("count", "season", "needed"), [(5, None, 12), (30, 12, 36), (11, 1, 12)])
def test_too_few_points_are_refused_with_how_many_are_needed(count, season, needed):
    with pytest.raises(TooShort) as refused:
        forecast(np.arange(count, dtype=np.float64), 3, season=season)
    assert refused.value.needed == needed
