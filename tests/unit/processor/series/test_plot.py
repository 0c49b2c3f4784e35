from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from services.processor.series.plot import Band, Chart, Line, draw, ticks, time_label, time_ticks

NEW_YEAR = 1_735_689_600.0
SVG = "{http://www.w3.org/2000/svg}"


def chart(**changes) -> ET.Element:
    times = NEW_YEAR + np.arange(48) * 3600.0
    values = np.sin(np.arange(48) / 6)
    shown = Chart("Pump <7>", "mm/s & more", [Line("x", times, values)], **changes)
    return ET.fromstring(draw(shown))


def texts(root: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def test_a_chart_names_its_title_unit_and_time_zone():
    shown = texts(chart())
    assert {"Pump <7>", "mm/s & more", "time (UTC)"} <= set(shown)
    assert "01-02 00:00" in shown


def test_without_times_points_are_counted():
    assert "point" in texts(chart(is_time=False))


def test_a_gap_breaks_the_line():
    values = np.array([1.0, 2.0, np.nan, 2.0, 1.0])
    root = ET.fromstring(draw(Chart("t", "", [Line("", np.arange(5.0), values)], is_time=False)))
    (path,) = root.iter(f"{SVG}path")
    assert path.get("d", "").count("M") == 2
    assert "nan" not in ET.tostring(root).decode()


def test_a_forecast_has_a_band_and_anomalies_have_marks():
    times = NEW_YEAR + np.arange(48, 60) * 3600.0
    band = Band(times, np.zeros(12), np.full(12, -1.0), np.full(12, 1.0))
    root = chart(forecast=band, anomalies=[(NEW_YEAR, 0.5)])
    assert len(list(root.iter(f"{SVG}polygon"))) == 1
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert {"forecast", "anomaly"} <= set(texts(root))


@pytest.mark.parametrize("values", [np.full(3, 5.0), np.full(3, np.nan), np.array([]), np.array([1e308, -1e308])])
def test_any_series_can_be_drawn(values):
    root = ET.fromstring(draw(Chart("t", "", [Line("", np.arange(float(len(values))), values)], is_time=False)))
    assert b"nan" not in ET.tostring(root)


def test_ticks_are_round():
    assert ticks(0.3, 9.8) == [2, 4, 6, 8]
    assert time_ticks(NEW_YEAR, NEW_YEAR + 86400 * 30)[0] == NEW_YEAR
    assert time_label(NEW_YEAR, 86400) == "2025-01-01"
    assert time_label(NEW_YEAR + 0.25, 0.1) == "00:00:00.25"
