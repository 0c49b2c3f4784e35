"""Query parameters as fields of a request, as the edge's transcoder maps them; the contract tells what there is."""

from __future__ import annotations

import math
import re
from typing import Any, cast
from urllib.parse import unquote, unquote_to_bytes

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message

INTEGERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
FLOATS = frozenset({FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE})
BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})


class QueryMalformed(Exception):
    """A query that the contract does not take; its text is the transcoder's."""


def read_query(query: str, request: Message, *, body: str) -> None:
    """Sets what a query says; the field that holds the body cannot be set by it. Raises QueryMalformed."""
    found = []
    for parameter in query.split("&"):
        name, equals, text = parameter.partition("=")
        if name and equals:
            # All names are looked up before any value is read.
            found.append((name, _path(request.DESCRIPTOR, name, body), text))
    for name, path, text in found:
        message = request
        for field in path[:-1]:
            inner = getattr(message, field.name)
            # All parameters of one repeated message are about one and the same.
            message = (inner[0] if inner else inner.add()) if field.is_repeated else inner
        set_text(message, path[-1], name, text)


def set_text(message: Message, field: FieldDescriptor, name: str, text: str) -> None:
    """Sets a field, or adds to a repeated one, from percent-encoded text; `name` is what the caller calls it."""
    try:
        plain = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise QueryMalformed(f"{name}: is not UTF-8") from None
    try:
        value = _value(field, plain)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    except (ValueError, LookupError):
        raise QueryMalformed(f'{name}: invalid value "{plain}" for type {_type_name(field)}') from None


def _path(descriptor: Any, name: str, body: str) -> list[FieldDescriptor]:
    path: list[FieldDescriptor] = []
    of: Any = descriptor
    for part in name.split("."):
        if of is None:
            raise QueryMalformed(
                f'Encountered a non-leaf field "{path[-1].name}" that is not a message while parsing a field path'
            )
        plain = unquote(part)
        field = of.fields_by_name.get(plain) or of.fields_by_camelcase_name.get(plain)
        if field is None or (of is descriptor and field.name == body):
            raise QueryMalformed(f'Could not find field "{part}" in the type "{of.full_name}".')
        path.append(field)
        of = field.message_type
    return path


def _value(field: FieldDescriptor, text: str) -> Any:
    if field.enum_type is not None:
        return _number(field.enum_type, text)
    if field.cpp_type in INTEGERS:
        return _integer(text)
    if field.cpp_type in FLOATS:
        return _decimal(text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return BOOLEANS[text.lower()]
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    raise ValueError("a message or bytes")


def _number(enum: EnumDescriptor, text: str) -> int:
    """By its name in any case, or by its number."""
    named = enum.values_by_name.get(text.upper().replace("-", "_"))
    number: int = enum.values_by_number[_integer(text)].number if named is None else named.number
    return number


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise ValueError("no integer")
    return int(text)


def _decimal(text: str) -> float:
    if text in _NOT_FINITE:
        return float(text)
    value = float(text) if _DECIMAL.fullmatch(text) else math.inf
    if math.isinf(value):
        raise ValueError("no number")
    return value


def _type_name(field: FieldDescriptor) -> str:
    named = field.enum_type or field.message_type
    number = cast(FieldDescriptorProto.Type.ValueType, field.type)
    return FieldDescriptorProto.Type.Name(number) if named is None else f"type.googleapis.com/{named.full_name}"
