"""Messages as JSON, byte for byte as the edge's transcoder writes them, by a way found out once per type."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import cache
from operator import methodcaller
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.base.instants import EARLIEST_NS, LATEST_NS, SECOND_NS
from services.common.base.timestamps import format_timestamp

Convert = Callable[[Any], Any]
# The edge makes it the Content-Type: what it makes of a stream of messages is a line of JSON for each.
LINES_OF_JSON = {"x-content-type": "application/x-ndjson"}

_WITH_64_BITS = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
_NO_NUMBERS = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
_ABSENT = object()
# What protobuf escapes beyond JSON's own rules: it could end a script, or be invisible.
_ESCAPED = re.compile(
    "[<>\x7f-\x9f\xad\u06dd\u070f\u17b4\u17b5\u200b-\u200f\u2028-\u202e\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0001\U000e0020-\U000e007f]"
)


def message_values(message: Message) -> Any:
    """Returns a message as values for `values_text`: fields by number, those without presence always included."""
    return _converter(message.DESCRIPTOR)(message)


def json_text(message: Message) -> bytes:
    """Returns a message as JSON, in one line."""
    return values_text(_converter(message.DESCRIPTOR)(message))


def values_text(values: Any) -> bytes:
    """Returns converted values as JSON, in one line."""
    text = orjson.dumps(values)
    if text.isascii() and b"<" not in text and b">" not in text and b"\x7f" not in text:
        return text
    # Such characters stand within strings alone.
    return _ESCAPED.sub(_escape, text.decode()).encode()


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


@cache
def _converter(descriptor: Descriptor) -> Convert:
    if descriptor.full_name == "google.protobuf.Timestamp":
        return _timestamp
    if descriptor.full_name == "google.protobuf.Duration":
        return methodcaller("ToJsonString")
    if descriptor.file.package == "google.protobuf" or any(map(_is_short_float, descriptor.fields)):
        # Their JSON is not that of their fields; and what fewer bits mean, the library knows best.
        return _by_library
    return _Fields(descriptor)


class _Fields:
    """Converts the fields of one message type."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        # Of an empty message, in the order of the fields' numbers, with a place for each field that may be absent.
        self._empty: dict[str, Any] = {}
        self._optional: list[str] = []
        self._converts: dict[int, tuple[str, Convert | None]] = {}

    def __call__(self, message: Message) -> dict[str, Any]:
        if not self._empty:
            self._find_out()
        found = self._empty.copy()
        for field, value in message.ListFields():
            name, convert = self._converts[field.number]
            found[name] = value if convert is None else convert(value)
        for name in self._optional:
            if found[name] is _ABSENT:
                del found[name]
        return found

    def _find_out(self) -> None:
        """Later than the making, since a type may hold itself."""
        for field in sorted(self._descriptor.fields, key=lambda field: field.number):
            self._converts[field.number] = field.name, _of_field(field)
            self._empty[field.name] = _ABSENT if field.has_presence else _unset(field)
            if field.has_presence:
                self._optional.append(field.name)


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
    return lambda held: {
        of_key(key): held[key] if convert is None else convert(held[key]) for key in sorted(held, key=_place)
    }


def _place(key: Any) -> Any:
    """Where protobuf has a key of a map in bytes that follow from the message: of "a" and "ab" the second is first."""
    return key.encode() + b"\xff" if isinstance(key, str) else key


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


def _unset(field: FieldDescriptor) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {}
    if field.is_repeated:
        return []
    convert = _of_value(field)
    return field.default_value if convert is None else convert(field.default_value)


def _timestamp(timestamp: Timestamp) -> str:
    instant_ns = timestamp.seconds * SECOND_NS + timestamp.nanos
    return format_timestamp(instant_ns) if EARLIEST_NS <= instant_ns <= LATEST_NS else timestamp.ToJsonString()


def number_text(value: float) -> str:
    """The JSON of a double as protobuf writes it: with 15 digits if they suffice, else with 17."""
    text = f"{value:.15g}"
    if float(text) != value:
        text = f"{value:.17g}"
    return _NO_NUMBERS.get(text, text)


def _double(value: float) -> orjson.Fragment:
    return orjson.Fragment(number_text(value))


def _is_short_float(field: FieldDescriptor) -> bool:
    return field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT


def _by_library(message: Message) -> Any:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
