"""Query parameters and path variables as fields of a request, read by protobuf's own JSON parser."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, cast
from urllib.parse import unquote

from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message

from services.common.base.errors import INVALID_VALUE, NOT_UTF8, UNKNOWN_FIELD, FieldViolation, InvalidArgument

# The edge's transcoder takes the same words for a boolean.
BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
# In a query, forms and libraries write a blank as a plus; only in the offset of a time it means itself.
IN_PATH = "is a part of the path; the query cannot set it"
TIME_WITH_OFFSET = re.compile(r"\d\d:\d\d[\d:.]*\+\d\d:?\d\d$")
Path = list[FieldDescriptor]


def read_query(query: str, message: Message, *, body: str, in_path: Collection[str] = ()) -> None:
    """Sets the fields that a query names, except the one that holds the body and those that the path has."""
    parameters = []
    for parameter in query.split("&"):
        name, equals, text = parameter.partition("=")
        if name and equals:
            text = text if TIME_WITH_OFFSET.search(text) else text.replace("+", " ")
            parameters.append((unquote(name), text))
    read_parameters(parameters, message, body=body, in_path=in_path)


def read_parameters(
    parameters: Iterable[tuple[str, str]], message: Message, *, body: str = "", in_path: Collection[str] = ()
) -> None:
    """Sets fields by their names, with dots between them, from percent-encoded texts; raises InvalidArgument."""
    # All names are looked up before any value is read.
    found = [(name, _path(message.DESCRIPTOR, name, body, in_path), _decoded(name, text)) for name, text in parameters]
    values: dict[str, Any] = {}
    for name, path, text in found:
        _put(values, name, path, text)
    try:
        json_format.ParseDict(values, message)
    except json_format.ParseError as error:
        raise _find_fault(found, message) from error


def _path(descriptor: Any, name: str, body: str, in_path: Collection[str]) -> Path:
    path: Path = []
    of = descriptor
    for part in name.split("."):
        field = None if of is None else of.fields_by_name.get(part) or of.fields_by_camelcase_name.get(part)
        if field is None or (of is descriptor and field.name == body):
            raise _malformed(name, "this method has no such parameter", UNKNOWN_FIELD)
        if of is descriptor and field.name in in_path:
            raise _malformed(name, IN_PATH, UNKNOWN_FIELD)
        path.append(field)
        of = field.message_type
    return path


def _decoded(name: str, text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _malformed(name, "is not UTF-8", NOT_UTF8) from None


def _put(values: dict[str, Any], name: str, path: Path, text: str) -> None:
    for field in path[:-1]:
        # All parameters of one repeated message are about one and the same.
        inner = values.setdefault(field.name, [{}] if field.is_repeated else {})
        values = inner[0] if field.is_repeated else inner
    field = path[-1]
    try:
        value = _value(field, text)
    except LookupError:
        raise _invalid(name, field, text) from None
    if field.is_repeated:
        values.setdefault(field.name, []).append(value)
    else:
        values[field.name] = value


def _value(field: FieldDescriptor, text: str) -> Any:
    """Returns the value of the text for protobuf's JSON parser; raises LookupError if the type has no such value."""
    if field.enum_type is not None:
        named = field.enum_type.values_by_name.get(text.upper().replace("-", "_"))
        # A number is refused here where the contract has no name for it; the parser would take any.
        return named.name if named is not None else field.enum_type.values_by_number[_whole(text)].name
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return BOOLEANS[text.lower()]
    if field.message_type is not None and field.message_type.file.package != "google.protobuf":
        raise LookupError
    return text


def _whole(text: str) -> int:
    # An enum's number has 10 digits at most; Python refuses to convert thousands.
    return int(text) if text.isdecimal() and len(text) <= 10 else -1


def _find_fault(found: Iterable[tuple[str, Path, str]], message: Message) -> InvalidArgument:
    """The error of the first parameter that is wrong by itself."""
    for name, path, text in found:
        values: dict[str, Any] = {}
        _put(values, name, path, text)
        try:
            json_format.ParseDict(values, type(message)())
        except json_format.ParseError:
            return _invalid(name, path[-1], text)
    return _malformed("query", "these parameters exclude each other")


def _invalid(name: str, field: FieldDescriptor, text: str) -> InvalidArgument:
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values if value.number]
        return _malformed(name, f'"{text}" is not one of {", ".join(names)}')
    return _malformed(name, f'"{text}" is not a valid {_type_name(field)}')


def _type_name(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return str(field.message_type.name)
    number = cast(FieldDescriptorProto.Type.ValueType, field.type)
    return FieldDescriptorProto.Type.Name(number).removeprefix("TYPE_").lower()


def _malformed(name: str, fault: str, reason: str = INVALID_VALUE) -> InvalidArgument:
    return InvalidArgument(
        reasons.REQUEST_MALFORMED,
        f"{name}: {fault}",
        metadata={"field": name},
        violations=[FieldViolation(name, fault, reason)],
    )
