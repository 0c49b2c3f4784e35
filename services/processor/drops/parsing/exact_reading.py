"""The slow and exact reading of a drop, which finds every failure in it and says where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.common.base.timestamps import TimestampRefused, parse_timestamp
from services.processor.drops.parsing.depth import path_too_deep
from services.processor.drops.parsing.documents import (
    DuplicateKeys,
    NotJson,
    NumberWord,
    holds_lone_surrogate,
    read_document,
)
from services.processor.drops.parsing.findings import Findings, QualityReason, WarningReason
from services.processor.drops.parsing.memory import memory_needed
from services.processor.drops.parsing.outcomes import (
    DATA,
    TIME_STAMP,
    DropLimits,
    Measured,
    ParsedDrop,
    RefusedDrop,
    accept,
    refuse,
    warn_of_unknown_key,
)
from services.processor.drops.parsing.paths import key_path, quoted

_NOTHING_TO_FIND = {float, bool, type(None)}


def examine_drop(raw: bytes, limits: DropLimits) -> ParsedDrop | RefusedDrop:
    """Returns the drop's measurements and warnings, or every failure found."""
    return _Examination(limits).drop(raw)


class _Examination:
    """The findings of one drop, gathered on one walk through it."""

    def __init__(self, limits: DropLimits) -> None:
        self._limits = limits
        self._failures: Findings[QualityReason] = Findings(limits.max_findings)
        self._warnings: Findings[WarningReason] = Findings(limits.max_findings)

    def drop(self, raw: bytes) -> ParsedDrop | RefusedDrop:
        measured = self._document(raw)
        return refuse(self._failures) if self._failures else accept(measured, self._warnings)

    def _document(self, raw: bytes) -> list[Measured]:
        fail = self._failures.add
        if len(raw) > self._limits.max_bytes:
            message = f"{len(raw)} bytes; a drop has at most {self._limits.max_bytes}"
            fail(QualityReason.TOO_LARGE, "$", message)
            return []
        most = self._limits.max_memory_bytes
        if (needed := memory_needed(raw, most)) > most:
            message = f"its values would take {needed} bytes of memory; those of a drop take at most {most}"
            fail(QualityReason.TOO_LARGE, "$", message)
            return []
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"the byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8 ({error.reason})"
            fail(QualityReason.NOT_UTF8, "$", message)
            return []
        try:
            document = read_document(text)
        except NotJson as error:
            fail(QualityReason.NOT_JSON, "$", str(error))
            return []
        except RecursionError:
            self._too_deep(path_too_deep(text, self._limits.max_depth))
            return []
        if type(document) is not list:
            one = self._measurement(document, "$", depth=1)
            return [] if one is None else [one]
        if not document:
            fail(QualityReason.EMPTY_BATCH, "$", "an array without any measurement")
        if len(document) > self._limits.max_measurements:
            message = f"{len(document)} measurements; a drop has at most {self._limits.max_measurements}"
            fail(QualityReason.TOO_MANY_MEASUREMENTS, "$", message)
            return []
        all_of_them = [self._measurement(element, f"$[{index}]", depth=2) for index, element in enumerate(document)]
        return [one for one in all_of_them if one is not None]

    def _measurement(self, element: Any, path: str, depth: int) -> Measured | None:
        if not isinstance(element, dict):
            message = f'{_named(element)}, not an object with "{TIME_STAMP}" and "{DATA}"'
            self._failures.add(QualityReason.NOT_AN_OBJECT, path, message)
            self._containers(element, path, depth)
            return None
        self._keys(element, path)
        time_ns: int | None = None
        points: NDArray[np.float64] | None = None
        for key, value in element.items():
            inner_path = key_path(path, key)
            if key == TIME_STAMP:
                time_ns = self._time_stamp(value, inner_path, depth + 1)
            elif key == DATA:
                points = self._data(value, inner_path, depth + 1)
            else:
                self._value(value, inner_path, depth + 1)
                warn_of_unknown_key(self._warnings, path, key)
        for key in (TIME_STAMP, DATA):
            if key not in element:
                self._failures.add(QualityReason.MISSING_KEY, key_path(path, key), f'the key "{key}" is missing')
        return None if time_ns is None or points is None else Measured(path, time_ns, points)

    def _time_stamp(self, value: Any, path: str, depth: int) -> int | None:
        if type(value) is not str:
            message = f"{_named(value)}, not a string such as 2019-05-01T06:00:00-04:00"
            self._failures.add(QualityReason.TIMESTAMP_NOT_A_STRING, path, message)
            self._containers(value, path, depth)
            return None
        try:
            return parse_timestamp(value)
        except TimestampRefused as refused:
            for fault, message in refused.refusals:
                self._failures.add(QualityReason(fault.value), path, message)
            return None

    def _data(self, value: Any, path: str, depth: int) -> NDArray[np.float64] | None:
        if type(value) is not list:
            self._failures.add(QualityReason.DATA_NOT_AN_ARRAY, path, f"{_named(value)}, not an array of numbers")
            self._containers(value, path, depth)
            return None
        if not value:
            self._failures.add(QualityReason.DATA_EMPTY, path, "an array without any number; at least one is needed")
            return None
        if len(value) > self._limits.max_points:
            message = f"{len(value)} points; a measurement has at most {self._limits.max_points}"
            self._failures.add(QualityReason.TOO_MANY_POINTS, path, message)
        if {float}.issuperset(map(type, value)):
            points = np.array(value, np.float64)
            if np.isfinite(points).all():
                return points
        for index, point in enumerate(value):
            if type(point) is float and math.isfinite(point):
                continue
            if self._failures.full and not (isinstance(point, (list, dict)) and point):
                self._failures.more += 1  # Millions of bad points are counted, not described.
            else:
                self._bad_point(point, f"{path}[{index}]", depth + 1)
        return None

    def _bad_point(self, point: Any, path: str, depth: int) -> None:
        if type(point) is list:
            message = "an array inside the array; each measurement is one flat array of numbers"
            self._failures.add(QualityReason.NESTED_ARRAY, path, message)
            self._value(point, path, depth)
        elif type(point) is float:
            message = "beyond the range of a 64-bit float, 1.7976931348623157e308"
            self._failures.add(QualityReason.NOT_FINITE, path, message)
        elif isinstance(point, NumberWord):
            self._value(point, path, depth)
        else:
            self._failures.add(QualityReason.NOT_A_NUMBER, path, f"{_named(point)}, not a number")
            self._containers(point, path, depth)

    def _containers(self, value: Any, path: str, depth: int) -> None:
        if isinstance(value, (list, dict)):
            self._value(value, path, depth)

    def _value(self, value: Any, path: str, depth: int) -> None:
        """Find what is wrong with a value wherever it stands: `depth` is its own, were it an array or object."""
        if isinstance(value, str):
            if holds_lone_surrogate(value):
                message = f"{quoted(value)} holds half of a surrogate pair, which is no Unicode character"
                self._failures.add(QualityReason.LONE_SURROGATE, path, message)
        elif isinstance(value, NumberWord):
            self._failures.add(QualityReason.NOT_FINITE, path, f"{value.word} is not a number of JSON")
        elif isinstance(value, (list, dict)) and depth > self._limits.max_depth:
            self._too_deep(path)
        elif isinstance(value, dict):
            self._keys(value, path)
            if _NOTHING_TO_FIND.issuperset(map(type, value.values())):
                return
            for key, inner in value.items():
                self._value(inner, key_path(path, key), depth + 1)
        elif isinstance(value, list) and not _NOTHING_TO_FIND.issuperset(map(type, value)):
            for index, inner in enumerate(value):
                self._value(inner, f"{path}[{index}]", depth + 1)

    def _keys(self, value: dict[str, Any], path: str) -> None:
        if isinstance(value, DuplicateKeys):
            for key, times in value.times.items():
                message = f"the key {quoted(key)} occurs {times} times in one object; which one is meant is unknown"
                self._failures.add(QualityReason.DUPLICATE_KEY, key_path(path, key), message)
        for key in value:
            if holds_lone_surrogate(key):
                message = f"the key {quoted(key)} holds half of a surrogate pair, which is no Unicode character"
                self._failures.add(QualityReason.LONE_SURROGATE, key_path(path, key), message)

    def _too_deep(self, path: str) -> None:
        message = f"nested deeper than {self._limits.max_depth} arrays and objects"
        self._failures.add(QualityReason.TOO_DEEP, path, message)


def _named(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    if isinstance(value, NumberWord):
        return value.word
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else "a number"
