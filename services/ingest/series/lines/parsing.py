"""InfluxDB line protocol: `measurement,tag=value field=1.5,other=2i 1700000000000000000`, a point on each line.

A line is taken as a whole or refused as a whole. Values are numbers and booleans: a series holds nothing else.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

EXACT_INTEGER = 2**53
END_NS = 9_214_646_400_000_000_000
MOST_POINTS = 1_000_000
MOST_TAGS = 60
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)
MOST_TEXT = 200
PRECISIONS_NS = {"": 1, "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
TRUE, FALSE = {"t", "T", "true", "True", "TRUE"}, {"f", "F", "false", "False", "FALSE"}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
# What splits a text, after what hides it: an escape and, among fields, a string, which a quote opens right after "=".
# A string that nothing closes reaches to the end of the text. Elsewhere quotes are characters as any others.
_STRING = r'="(?:[^"\\]++|\\.)*+"?'
_MARK = re.compile(r"\\.|[ ,=]", re.DOTALL)
_FIELD_MARK = re.compile(rf"\\.|{_STRING}|[ ,=]", re.DOTALL)
# The measurement and its tags; and a whole line, which a line break in a string does not end.
_SERIES = re.compile(r"(?:[^\\ \n]++|\\[^\n])*+")
_LINE = re.compile(rf"[^\S\n]*+#[^\n]*+|[ \r]*+{_SERIES.pattern}(?:[^=\\\n]++|{_STRING}|\\[^\n]|[=\\])*+", re.DOTALL)
_UNESCAPED = re.compile(r"\\([,= \\])")
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class LineKey:
    """The series that a value belongs to."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    field: str


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that is not stored; `number` counts from 1."""

    number: int
    text: str
    problem: str


@dataclass(slots=True)
class ParsedLines:
    """The points of a body by their series, each as its instant and its value, and the lines that were refused."""

    points: dict[LineKey, tuple[list[int], list[float]]] = field(default_factory=lambda: defaultdict(lambda: ([], [])))
    stored_lines: int = 0
    refused_lines: int = 0
    first_refused: RefusedLine | None = None


class LineRefused(ValueError):
    """A line that is not stored; the message says why."""


class TooManyPoints(ValueError):
    """A body holds more points than one may."""


def parse_lines(text: str, precision: str, now_ns: int) -> ParsedLines:
    """The points of a body; a line without a timestamp is of `now_ns`. Raises TooManyPoints."""
    found = ParsedLines()
    unit_ns = PRECISIONS_NS[precision]
    count = 0
    for number, line in _lines(text):
        if not line or line.isspace() or line.lstrip().startswith("#"):
            continue
        try:
            series, fields, time_ns = _parsed(line.strip(" \r"), unit_ns, now_ns)
        except LineRefused as refusal:
            found.refused_lines += 1
            if found.first_refused is None:
                found.first_refused = RefusedLine(number, line[:_SHOWN], str(refusal))
            continue
        measurement, tags = series
        for name, value in fields:
            times, values = found.points[LineKey(measurement, tags, name)]
            times.append(time_ns)
            values.append(value)
        found.stored_lines += 1
        count += len(fields)
        if count > MOST_POINTS:
            raise TooManyPoints
    return found


Series = tuple[str, tuple[tuple[str, str], ...]]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines, each with its number; a line break in a string is part of it."""
    if '="' not in text:
        yield from enumerate(text.split("\n"), 1)
        return
    start, number = 0, 1
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        breaks = 0
        if text.find('="', start, end) >= 0:
            end = _end(_LINE, text, start)
            breaks = text.count("\n", start, end)
        yield number, text[start:end]
        start, number = end + 1, number + breaks + 1


def _parsed(line: str, unit_ns: int, now_ns: int) -> tuple[Series, list[tuple[str, float]], int]:
    parts = [part for part in _parts(line) if part]
    if not 2 <= len(parts) <= 3:
        raise LineRefused("expected a measurement with tags, fields, and at most a timestamp, with blanks between")
    return _series(parts[0]), _fields(parts[1]), _time(parts[2], unit_ns) if len(parts) == 3 else now_ns


def _parts(line: str) -> list[str]:
    if '="' not in line:
        return _split(line, " ")
    fields_at = _end(_SERIES, line)
    return [line[:fields_at], *_split(line[fields_at:], " ", _FIELD_MARK)]


def _series(text: str) -> Series:
    measurement, *pairs = _split(text, ",")
    tags = sorted(_pair(pair, "tag") for pair in pairs)
    _check_text("the measurement", measurement)
    if len(tags) > MOST_TAGS:
        raise LineRefused(f"{len(tags)} tags; the limit is {MOST_TAGS}")
    for place, (name, value) in enumerate(tags):
        if NAME.fullmatch(name) is None or name.startswith("_"):
            raise LineRefused(f"the tag {name[:70]!r} is no label: use a letter, then letters, digits, '_', '.', '-'")
        if place and name == tags[place - 1][0]:
            raise LineRefused(f"the tag {name!r} is there twice")
        _check_text(f"the tag {name}", value)
    return _unescaped(measurement), tuple(tags)


def _fields(text: str) -> list[tuple[str, float]]:
    fields = []
    for pair in _split(text, ",", _FIELD_MARK):
        name, value = _pair(pair, "field")
        _check_text("the field", name)
        fields.append((name, _value(name, value)))
    return fields


def _pair(text: str, what: str) -> tuple[str, str]:
    name, *value = _split(text, "=", _FIELD_MARK if what == "field" else _MARK)
    if not name or len(value) != 1 or not value[0]:
        raise LineRefused(f"invalid {what} format: expected {what}=value, found {text[:70]!r}")
    return _unescaped(name), value[0] if what == "field" else _unescaped(value[0])


def _value(name: str, text: str) -> float:
    if text[0] == '"':
        raise LineRefused(f"the field {name!r} is a string; only numbers and booleans are stored")
    if text[-1] in "iu":
        number = int(text[:-1]) if _INTEGER.fullmatch(text[:-1]) else None
        if number is None or (number < 0 and text[-1] == "u"):
            raise LineRefused(f"invalid number {text[:70]!r}")
        if abs(number) > EXACT_INTEGER:
            raise LineRefused(f"the field {name!r} is beyond 2^53, which a float64 does not hold exactly")
        return float(number)
    if text in TRUE:
        return 1.0
    if text in FALSE:
        return 0.0
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise LineRefused(f"invalid number {text[:70]!r}")
    return value


def _time(text: str, unit_ns: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise LineRefused(f"bad timestamp {text[:70]!r}")
    time_ns = int(text) * unit_ns
    if not 0 <= time_ns < END_NS:
        raise LineRefused(f"the timestamp {text} is not within the years 1970 to 2261 in this precision")
    return time_ns


def _check_text(what: str, text: str) -> None:
    if not 1 <= len(text) <= MOST_TEXT or "\0" in text:
        raise LineRefused(f"{what} has {len(text)} characters; 1 to {MOST_TEXT} are allowed")


def _end(pattern: re.Pattern[str], text: str, start: int = 0) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def _split(text: str, at: str, marks: re.Pattern[str] = _MARK) -> list[str]:
    """Splits where the character is neither escaped nor in a string, if the marks know strings."""
    if "\\" not in text and '="' not in text:
        return text.split(at)
    parts, start = [], 0
    for mark in marks.finditer(text):
        if mark[0][0] == at:
            parts.append(text[start : mark.start()])
            start = mark.start() + 1
    return [*parts, text[start:]]


def _unescaped(text: str) -> str:
    return _UNESCAPED.sub(r"\1", text) if "\\" in text else text
