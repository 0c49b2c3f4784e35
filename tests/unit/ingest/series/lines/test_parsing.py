"""InfluxDB line protocol: what is taken, what is refused, and that no body breaks the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.series.lines.parsing import LineKey, ParsedLines, parse_lines


def parsed(text: str, precision: str = "ns") -> ParsedLines:
    return parse_lines(text, precision, 7)


def points(text: str, precision: str = "ns") -> dict[tuple[str, dict[str, str], str], list[tuple[int, float]]]:
    found = parsed(text, precision)
    assert found.first_refused is None
    return {
        (key.measurement, *key.tags, key.field): list(zip(*pair, strict=True))  # type: ignore[misc]
        for key, pair in found.points.items()
    }


def test_each_field_of_a_measurement_and_its_tags_is_a_series() -> None:
    found = parsed(
        "cpu,host=b,cpu=0 idle=97.5,busy=2i 1700000000000000000\ncpu,cpu=0,host=b idle=96 1700000001000000000"
    )
    tags = (("cpu", "0"), ("host", "b"))
    assert dict(found.points) == {
        LineKey("cpu", tags, "idle"): ([1_700_000_000_000_000_000, 1_700_000_001_000_000_000], [97.5, 96.0]),
        LineKey("cpu", tags, "busy"): ([1_700_000_000_000_000_000], [2.0]),
    }
    assert (found.stored_lines, found.refused_lines) == (2, 0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), ("-1.5e3", -1500.0), (".5", 0.5), ("+2.", 2.0), ("7i", 7.0), ("7u", 7.0), ("t", 1.0), ("FALSE", 0.0)],
)
def test_numbers_and_booleans_are_values(text: str, value: float) -> None:
    assert points(f"m f={text} 5") == {("m", "f"): [(5, value)]}


@pytest.mark.parametrize(("precision", "unit"), [("", 1), ("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9)])
def test_the_precision_is_the_unit_of_the_timestamps(precision: str, unit: int) -> None:
    assert points("m f=1 3", precision) == {("m", "f"): [(3 * unit, 1.0)]}


def test_a_line_without_a_timestamp_is_of_now() -> None:
    assert points("m f=1") == {("m", "f"): [(7, 1.0)]}


def test_escapes_comments_and_blank_lines_are_read() -> None:
    text = '# a comment "with a quote\n\n  \r\nmy\\ pump\\,1,site=new\\ york,a=\\= f\\,1=2 9\r\n'
    assert points(text) == {("my pump,1", ("a", "="), ("site", "new york"), "f,1"): [(9, 2.0)]}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("m", "expected a measurement"),
        ("m f=1 2 3", "expected a measurement"),
        ("m f", "invalid field format"),
        ("m,t f=1", "invalid tag format"),
        ("m,t= f=1", "invalid tag format"),
        ("m f=x", "invalid number"),
        ("m f=nan", "invalid number"),
        ("m f=1e999", "invalid number"),
        ("m f=-1u", "invalid number"),
        ("m f=9007199254740993i", "2^53"),
        ('m f="a text, with = and blanks"', "is a string"),
        ("m f=1 1.5", "bad timestamp"),
        ("m f=1 -5", "1970"),
        ("m f=1 99999999999999999999", "1970"),
        (",t=1 f=1", "the measurement"),
        ("m,_t=1 f=1", "no label"),
        ("m,ä=1 f=1", "no label"),
        ("m,t=1,t=2 f=1", "twice"),
        (f"m,t={'x' * 201} f=1", "200"),
    ],
)
def test_a_line_that_is_wrong_is_refused_and_the_others_are_stored(line: str, problem: str) -> None:
    found = parsed(f"a f=1 1\n{line}\nb f=2 2")
    assert found.first_refused is not None
    assert (found.first_refused.number, found.first_refused.text) == (2, line[:200])
    assert problem in found.first_refused.problem
    assert (found.stored_lines, found.refused_lines, len(found.points)) == (2, 1, 2)


def test_a_line_break_in_a_string_starts_no_line() -> None:
    found = parsed('m f="a\nevil f=1 1\nb" 2\nn f=1 3')
    assert [key.measurement for key in found.points] == ["n"]
    assert (found.refused_lines, found.first_refused.number if found.first_refused else 0) == (1, 1)


@given(st.text(alphabet='ab,= \\"\n1i.#-', max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = parsed(text)
    assert sum(len(times) for times, _ in found.points.values()) >= found.stored_lines
