"""From the raw bytes of a drop to its measurements, or to every reason why it is refused.

A drop is one object `{"time_stamp": …, "data": […]}` or an array of them, each its own measurement. An array stands or
falls as a whole: one bad element and nothing of it is used. The same instant twice in one array: the later wins.
Further keys are ignored, with a warning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from services.common.base.timestamps import TimestampRefused, parse_timestamp
from services.processor.drops.parsing.exact_reading import examine_drop
from services.processor.drops.parsing.findings import Findings, WarningReason
from services.processor.drops.parsing.memory import memory_needed
from services.processor.drops.parsing.outcomes import (
    DATA,
    TIME_STAMP,
    DropLimits,
    Measured,
    ParsedDrop,
    RefusedDrop,
    accept,
    warn_of_unknown_key,
)

_NUMBERS = {float, int}
# orjson rounds numbers correctly up to this many digits, and some longer ones not.
_MAX_DIGITS = 768
_WITHOUT_STRINGS = {float, int, bool, type(None)}


def parse_drop(raw: bytes, limits: DropLimits) -> ParsedDrop | RefusedDrop:
    """Returns the drop's measurements and warnings, or every failure found."""
    return parse_plain_drop(raw, limits) or examine_drop(raw, limits)


def parse_plain_drop(raw: bytes, limits: DropLimits) -> ParsedDrop | None:
    """Parses a drop that is surely good, fast; None means that the slow, exact examination decides."""
    # Without a backslash each string has exactly two quotes. orjson keeps the last of duplicate keys in silence, but
    # then the quotes of the dropped ones are left over.
    if len(raw) > limits.max_bytes or b"\\" in raw or _may_hold_long_number(raw):
        return None
    if memory_needed(raw, limits.max_memory_bytes) > limits.max_memory_bytes:
        return None
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    is_batch = type(document) is list
    elements: list[Any] = document if is_batch else [document]
    if not 0 < len(elements) <= limits.max_measurements:
        return None
    warnings: Findings[WarningReason] = Findings(limits.max_findings)
    measured: list[Measured] = []
    strings = 0
    for index, element in enumerate(elements):
        if type(element) is not dict:
            return None
        time_stamp, data = element.get(TIME_STAMP), element.get(DATA)
        if type(time_stamp) is not str or type(data) is not list or not 0 < len(data) <= limits.max_points:
            return None
        # orjson gives floats and integers of up to 64 bits only, rounds what is longer as Python's own conversion
        # does, and refuses NaN, Infinity and 1e309: what is left in an array of numbers is finite.
        if not _NUMBERS.issuperset(map(type, data)):
            return None
        try:
            time_ns = parse_timestamp(time_stamp)
        except TimestampRefused:
            return None
        strings += 3
        path = f"$[{index}]" if is_batch else "$"
        if len(element) > 2:
            for key, value in element.items():
                if key in (TIME_STAMP, DATA):
                    continue
                inner_strings = _count_strings(value, limits.max_depth - (2 if is_batch else 1))
                if inner_strings is None:
                    return None
                strings += 1 + inner_strings
                warn_of_unknown_key(warnings, path, key)
        measured.append(Measured(path, time_ns, np.array(data, np.float64)))
    if raw.count(b'"') != 2 * strings:
        return None
    return accept(measured, warnings)


def _may_hold_long_number(raw: bytes) -> bool:
    """Returns whether more than 768 bytes stand anywhere without a comma: only there can a number be as long."""
    start = 0
    while len(raw) - start > _MAX_DIGITS:
        comma = raw.rfind(b",", start, start + _MAX_DIGITS)
        if comma < 0:
            return True
        start = comma + 1
    return False


def _count_strings(value: Any, depth_left: int) -> int | None:
    """Counts the strings in a value, keys included; None where it is nested deeper than `depth_left`."""
    if type(value) is str:
        return 1
    if type(value) is dict:
        strings, inner_values = len(value), list(value.values())
    elif type(value) is list:
        strings, inner_values = 0, value
    else:
        return 0
    if depth_left == 0:
        return None
    if _WITHOUT_STRINGS.issuperset(map(type, inner_values)):
        return strings
    for inner in inner_values:
        inner_strings = _count_strings(inner, depth_left - 1)
        if inner_strings is None:
            return None
        strings += inner_strings
    return strings
