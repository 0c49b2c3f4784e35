"""InfluxDB line protocol: what is taken, what is refused, and that no body breaks the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            'disk,size=3.5",len=4",host=a free=7 5',
            {("disk", ("host", "a"), ("len", '4"'), ("size", '3.5"'), "free"): 7},
        ),
        ('disk,size=3.5" free=7 5', {("disk", ("size", '3.5"'), "free"): 7}),
        (
            'm,t="x v=1 5\nn v=2 5\no v=3 5',
            {("m", ("t", '"x'), "v"): 1, ("n", "v"): 2, ("o", "v"): 3},
        ),
        ('m,t="a\\ b",u="c\\,d" v=1 5', {("m", ("t", '"a b"'), ("u", '"c,d"'), "v"): 1}),
        ('"m" "v"=1,w"=2 5\nn v=3 5', {('"m"', '"v"'): 1, ('"m"', 'w"'): 2, ("n", "v"): 3}),
        ('# m f="a\nn v=1 5', {("n", "v"): 1}),
    ],
)
def test_quotes_outside_of_values_are_characters(text: str, found: dict[tuple[object, ...], float]) -> None:
    assert points(text) == {key: [(5, value)] for key, value in found.items()}


@pytest.mark.parametrize("value", ['1"', '"a\\"b, c=d e"', '"a\\\\"', '"a\nevil f=1 1\nb"', '"a,b="', '"a"b'])
def test_a_value_with_a_quote_refuses_its_line_alone(value: str) -> None:
    found = parsed(f'a f=1 1\nm,t="x g=2,f={value},h=3 2\nb f=2 2')
    assert [key.measurement for key in found.points] == ["a", "b"]
    assert (found.refused_lines, found.first_refused.number if found.first_refused else 0) == (1, 2)


def test_a_string_without_an_end_takes_the_rest_of_the_body() -> None:
    found = parsed('a f=1 1\nm f="text 2\nevil f=1 1\\')
    assert [key.measurement for key in found.points] == ["a"]
    assert found.refused_lines == 1


PIECES = ["m", ",t=1", ",t=", ' f=1,g"=5 5\n', ' f="', '="', *'a1=, "\\\n#']


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_every_text_is_read_as_a_reader_of_one_character_at_a_time_reads_it(text: str) -> None:
    read = [(number, plain_point(units)) for number, units in plain_lines(text)]
    expected: dict[LineKey, list[tuple[int, float]]] = {}
    for _, point in read:
        for key, pair in point or []:
            expected.setdefault(key, []).append(pair)
    found = parsed(text)
    assert {key: list(zip(*pair, strict=True)) for key, pair in found.points.items()} == expected
    refused = [number for number, point in read if point is None]
    assert (found.refused_lines, found.first_refused and found.first_refused.number) == (
        len(refused),
        refused[0] if refused else None,
    )


def plain_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines as characters, escapes and strings; without blank lines and comments."""
    units: list[str] = []
    place, number, in_fields = 0, 1, False
    while place <= len(text):
        unit = text[place : place + 1]
        line = "".join(units).lstrip()
        is_comment = line.startswith("#")
        if unit == "\\" and text[place + 1 : place + 2] not in ("", "\n"):
            unit = text[place : place + 2]
        elif unit == '"' and not is_comment and units[-1:] == ["="] and in_fields:
            end = place + 1
            while end < len(text) and text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            unit = text[place : end + 1]
        if unit in ("", "\n"):
            if line and not is_comment:
                yield number, units
            number += 1 + "".join(units).count("\n")
            units, in_fields = [], False
        else:
            units.append(unit)
            in_fields |= unit == " " and bool(line)
        place += len(unit) or 1


def plain_point(units: list[str]) -> list[tuple[LineKey, tuple[int, float]]] | None:
    """The values of a line of small numbers; None where it is refused."""
    parts = [part for part in plain_parts(units, " ") if part]
    if not 2 <= len(parts) <= 3 or (len(parts) == 3 and not re.fullmatch("[15]+", "".join(parts[2]))):
        return None
    time_ns = int("".join(parts[2])) if len(parts) == 3 else 7
    measurement, *tags = [[plain_text(one) for one in plain_parts(part, "=")] for part in plain_parts(parts[0], ",")]
    fields = [[plain_text(one) for one in plain_parts(part, "=")] for part in plain_parts(parts[1], ",")]
    if any(len(pair) != 2 or not all(pair) for pair in [*tags, *fields]) or time_ns >= 9_214_646_400_000_000_000:
        return None
    names = [name for name, _ in tags]
    if len(set(names)) < len(names) or not all(re.fullmatch("[a-z][a-z0-9]*", name) for name in names):
        return None
    if measurement == [""] or not all(re.fullmatch("[15]+", value) for _, value in fields):
        return None
    labels = tuple(sorted((name, value) for name, value in tags))
    return [(LineKey("=".join(measurement), labels, name), (time_ns, float(value))) for name, value in fields]


def plain_parts(units: list[str], at: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for unit in units:
        if unit == at:
            parts.append([])
        else:
            parts[-1].append(unit)
    return parts


def plain_text(units: list[str]) -> str:
    return "".join(unit[1] if unit in ("\\,", "\\=", "\\ ", "\\\\") else unit for unit in units)


@given(st.text(alphabet='ab,= \\"\n1i.#-', max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = parsed(text)
    assert sum(len(times) for times, _ in found.points.values()) >= found.stored_lines
