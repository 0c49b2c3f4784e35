"""A series as one JSON object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from services.common.base.timestamps import TimestampRefused, parse_timestamp
from services.common.series.points import Times, Values
from services.ingest.series.formats.body import (
    BLOCK_POINTS,
    EXACT_INTEGERS,
    Block,
    Declared,
    ParsedBody,
    RawBody,
    reaches,
)
from services.ingest.series.formats.refusals import (
    bad_time,
    bad_value,
    channels_differ,
    inexact_integer,
    invalid_field,
    too_large,
    unreadable,
)
from services.ingest.series.formats.times import parsed_times

MOST_BYTES = 64 * 1024 * 1024
FORMAT = "json"
KEYS = frozenset(
    {
        "values",
        "channels",
        "timestamps",
        "sample_rate_hz",
        "start_time",
        "unit",
        "display_name",
        "labels",
        "allow_gaps",
    }
)
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", re.ASCII)
MOST_LABELS = 64
MOST_TEXT = 200
MOST_UNIT = 32
_WIDE_INTEGER = re.compile(rb"([\[,\s])(?:\d{20}|-\d{19})\d*(?![\d.eE])")
_NUMBERS = frozenset({int, float})
_GAPS = frozenset({int, float, type(None)})


def parse_json(raw: RawBody) -> ParsedBody:
    """Reads the whole object, since its parts may come in any order."""
    if raw.size_bytes > MOST_BYTES:
        raise too_large("JSON", MOST_BYTES)
    try:
        names, times, columns, declared = _parts(orjson.loads(memoryview(raw.data)))
    except orjson.JSONDecodeError as error:
        raise unreadable(FORMAT, str(error)) from None
    if any(reaches(column, 2**63) for column in columns):
        _check_wide_integers(raw)
    return ParsedBody(names, times is not None, _blocks(times, columns), declared)


def _parts(found: Any) -> tuple[tuple[str | None, ...], Times | None, tuple[Values, ...], Declared]:
    if not isinstance(found, dict):
        raise unreadable(FORMAT, 'it is not an object such as {"values": [1.5, 2.5]}')
    if unknown := found.keys() - KEYS:
        raise invalid_field(min(unknown)[:100], f"is not a key of a series; the keys are {', '.join(sorted(KEYS))}")
    names, units, columns = _channels(found)
    times = _times(found.get("timestamps"))
    lengths = {len(column) for column in columns} | (set() if times is None else {len(times)})
    if len(lengths) > 1:
        raise channels_differ("values and timestamps of one length", ", ".join(map(str, sorted(lengths))))
    return names, times, columns, _declared(found, units)


def _check_wide_integers(raw: RawBody) -> None:
    """Refuses integers beyond 64 bits; orjson makes floats of them, so the body is read again with narrower ones."""
    narrower, count = _WIDE_INTEGER.subn(rb"\g<1>9223372036854775807", raw.data)
    if count:
        _parts(orjson.loads(narrower))


def _channels(found: dict[str, Any]) -> tuple[tuple[str | None, ...], tuple[str, ...], tuple[Values, ...]]:
    if ("values" in found) == ("channels" in found):
        raise invalid_field("values", "give either values or channels")
    unit = _text(found, "unit", MOST_UNIT)
    if "values" in found:
        return (None,), (unit,) if unit else (), (_values(found["values"], "values"),)
    channels = found["channels"]
    if not isinstance(channels, list) or not channels or not all(isinstance(one, dict) for one in channels):
        raise invalid_field("channels", "must be a list of objects with name, unit and values")
    names, units, columns = [], [], []
    for place, channel in enumerate(channels):
        if unknown := channel.keys() - {"name", "unit", "values"}:
            raise invalid_field(f"channels[{place}].{min(unknown)[:100]}", "is not a key of a channel")
        names.append(_text(channel, "name", MOST_TEXT) or None)
        units.append(_text(channel, "unit", MOST_UNIT) or unit)
        columns.append(_values(channel.get("values"), names[-1] or f"channels[{place}].values"))
    return tuple(names), tuple(units) if any(units) else (), tuple(columns)


def _values(found: Any, channel: str) -> Values:
    if not isinstance(found, list):
        raise invalid_field(channel, "must be a list of numbers")
    kinds = set(map(type, found))
    if not kinds <= _GAPS:
        index = next(place for place, value in enumerate(found) if type(value) not in _GAPS)
        raise bad_value(index, channel, f"{str(found[index])[:50]!r} is not a number")
    # A missing value becomes NaN here, and is refused later where gaps are not allowed.
    values = np.array(found, dtype=np.float64) if found else np.empty(0)
    if int in kinds and reaches(values, EXACT_INTEGERS):
        for index in np.flatnonzero(np.abs(values) >= EXACT_INTEGERS).tolist():
            if type(found[index]) is int and abs(found[index]) > EXACT_INTEGERS:
                raise inexact_integer(index, channel)
    return values


def _times(found: Any) -> Times | None:
    if found is None:
        return None
    if not isinstance(found, list):
        raise invalid_field("timestamps", "must be a list of RFC 3339 texts, or of nanoseconds since the epoch")
    kinds = set(map(type, found))
    if kinds <= {int}:
        try:
            return np.array(found, dtype=np.int64)
        except OverflowError:
            index = next(place for place, value in enumerate(found) if not -(2**63) <= value < 2**63)
            raise bad_time(index, "is not within the years 1970 to 2261") from None
    if kinds <= {str}:
        return parsed_times(found, 0)
    index = next(
        place for place, value in enumerate(found) if type(value) is not type(found[0]) or type(value) not in (int, str)
    )
    raise bad_time(index, "must be RFC 3339 text, or nanoseconds since the epoch, as all others")


def _declared(found: dict[str, Any], units: tuple[str, ...]) -> Declared:
    rate = found.get("sample_rate_hz")
    if rate is not None and (type(rate) not in _NUMBERS or not 0 < rate <= 1e8):
        raise invalid_field("sample_rate_hz", "must be a number above 0 and at most 100000000")
    gaps = found.get("allow_gaps", False)
    if not isinstance(gaps, bool):
        raise invalid_field("allow_gaps", "must be true or false")
    return Declared(
        sample_rate_hz=None if rate is None else float(rate),
        start_ns=_start(_text(found, "start_time", MOST_TEXT)),
        units=units,
        display_name=_text(found, "display_name", MOST_TEXT),
        labels=_labels(found.get("labels")),
        allow_gaps=gaps,
    )


def _start(text: str) -> int | None:
    try:
        return parse_timestamp(text) if text else None
    except TimestampRefused as refused:
        raise invalid_field("start_time", str(refused)) from None


def _labels(found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict) or len(found) > MOST_LABELS:
        raise invalid_field("labels", f"must be an object of at most {MOST_LABELS} names and texts")
    for name, value in found.items():
        if LABEL.fullmatch(name) is None:
            raise invalid_field(
                "labels", f"{name[:70]!r} is not a name: use letters, digits, '_', '.', '-', at most 63"
            )
        if not isinstance(value, str) or len(value) > MOST_TEXT or "\0" in value:
            raise invalid_field(f"labels.{name}", f"must be a text of at most {MOST_TEXT} characters")
    return found


def _text(found: dict[str, Any], key: str, most: int) -> str:
    text = found.get(key, "")
    if not isinstance(text, str) or len(text) > most or "\0" in text:
        raise invalid_field(key, f"must be a text of at most {most} characters")
    return text


def _blocks(times: Times | None, columns: tuple[Values, ...]) -> Iterator[Block]:
    for start in range(0, len(columns[0]), BLOCK_POINTS):
        part = slice(start, start + BLOCK_POINTS)
        yield Block(None if times is None else times[part], tuple(column[part] for column in columns))
