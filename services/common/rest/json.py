"""Messages as the values that JSON is made of: the same that `json_format` makes, by a way found out once per type."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from functools import cache
from operator import methodcaller
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Convert = Callable[[Any], Any]
# The edge makes it the Content-Type: what it makes of a stream of messages is a line of JSON for each.
LINES_OF_JSON = {"x-content-type": "application/x-ndjson"}

_WITH_64_BITS = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
_TEXTS = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration"})


def message_values(message: Message) -> Any:
    """Returns a message as a dictionary by the contract's names; fields without presence are always included."""
    return _converter(message.DESCRIPTOR)(message)


def json_text(message: Message) -> bytes:
    """Returns a message as JSON, in one line."""
    return orjson.dumps(message_values(message))


@cache
def _converter(descriptor: Descriptor) -> Convert:
    if descriptor.full_name in _TEXTS:
        return methodcaller("ToJsonString")
    if descriptor.file.package == "google.protobuf" or any(map(_is_short_float, descriptor.fields)):
        # Their JSON is not that of their fields; and what fewer bits mean, the library knows best.
        return _by_library
    return _Fields(descriptor)


class _Fields:
    """Converts the fields of one message type."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._ready = False
        self._converts: dict[int, tuple[str, Convert | None]] = {}
        self._unset: list[tuple[str, Any]] = []

    def __call__(self, message: Message) -> dict[str, Any]:
        if not self._ready:
            self._find_out()
        found: dict[str, Any] = {}
        for field, value in message.ListFields():
            name, convert = self._converts[field.number]
            found[name] = value if convert is None else convert(value)
        for name, value in self._unset:
            found.setdefault(name, value)
        return found

    def _find_out(self) -> None:
        """Later than the making, since a type may hold itself."""
        for field in self._descriptor.fields:
            self._converts[field.number] = field.name, _of_field(field)
            if not field.has_presence:
                self._unset.append((field.name, _unset(field)))
        self._ready = True


def _of_field(field: FieldDescriptor) -> Convert | None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _of_map(field.message_type)
    convert = _of_value(field)
    if not field.is_repeated:
        return convert
    return list if convert is None else lambda values: [convert(value) for value in values]


def _of_map(entry: Descriptor) -> Convert:
    convert = _of_value(entry.fields_by_name["value"])
    of_key: Convert = str
    if entry.fields_by_name["key"].cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        of_key = {True: "true", False: "false"}.__getitem__
    # A map of messages yields its values only by key.
    return lambda held: {of_key(key): held[key] if convert is None else convert(held[key]) for key in held}


def _of_value(field: FieldDescriptor) -> Convert | None:
    """Returns the converter of a field's values; None if JSON takes them as they are."""
    if field.message_type is not None:
        return _converter(field.message_type)
    if field.enum_type is not None:
        return _of_enum(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    if field.cpp_type in _WITH_64_BITS:
        return str
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _double
    return None


def _of_enum(enum: EnumDescriptor) -> Convert:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number, number)


def _double(value: float) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _is_short_float(field: FieldDescriptor) -> bool:
    return field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT


def _unset(field: FieldDescriptor) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {}
    if field.is_repeated:
        return []
    convert = _of_value(field)
    return field.default_value if convert is None else convert(field.default_value)


def _by_library(message: Message) -> Any:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
