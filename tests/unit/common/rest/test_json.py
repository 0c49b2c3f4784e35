"""Every message of the contract, empty and full, with the values of the library and the text of the edge."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from dropmesh.v1 import ingest_service_pb2, measurement_pb2, query_service_pb2
from google.protobuf import json_format, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from services.common.rest.json import json_text

CONTRACT = (ingest_service_pb2.DESCRIPTOR, query_service_pb2.DESCRIPTOR)


def types_of(descriptor: Descriptor, found: dict[str, Descriptor]) -> None:
    if descriptor.full_name not in found:
        found[descriptor.full_name] = descriptor
        for field in descriptor.fields:
            if field.message_type is not None:
                types_of(field.message_type, found)


def all_types() -> dict[str, Descriptor]:
    found: dict[str, Descriptor] = {}
    for file in CONTRACT:
        for service in file.services_by_name.values():
            for method in service.methods:
                types_of(method.input_type, found)
                types_of(method.output_type, found)
    return found


TYPES = {name: found for name, found in all_types().items() if not name.startswith("google.protobuf.")}


def value_of(field: FieldDescriptor, number: int) -> Any:
    if field.enum_type is not None:
        numbers = [*field.enum_type.values_by_number, 77]
        return numbers[number % len(numbers)]
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"\0\xff" * number
    if field.type == FieldDescriptor.TYPE_STRING:
        return f'näme "{number}"'
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return bool(number % 2)
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return (0.1, 2.0, math.inf, -math.inf, math.nan, 1e300)[number % 6]
    return number


def fill(message: Any, number: int, depth: int) -> None:
    for place, field in enumerate(message.DESCRIPTOR.fields, number):
        held = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of_value = field.message_type.fields_by_name["value"]
            for key in ("b", "a") if depth else ():
                if of_value.message_type is None:
                    held[key] = value_of(of_value, place)
                else:
                    fill(held[key], place, depth - 1)
        elif field.message_type is None:
            if field.is_repeated:
                held.extend([value_of(field, place), value_of(field, place + 1)])
            else:
                setattr(message, field.name, value_of(field, place))
        elif depth:
            if field.message_type.full_name == "google.protobuf.Any":
                held.add().Pack(error_details_pb2.ErrorInfo(reason="R", metadata={"a": "b"}))
            elif field.message_type.full_name == "google.protobuf.Value":
                held.CopyFrom(struct_pb2.Value(number_value=1.5))
            else:
                for inner in (held.add(), held.add()) if field.is_repeated else (held,):
                    inner.SetInParent()
                    fill(inner, place, depth - 1)


def as_pairs(text: bytes | str) -> Any:
    """JSON with the fields of its objects in their order."""
    return json.loads(text, object_pairs_hook=list)


def in_bytes(entry: tuple[str, Any]) -> bytes:
    """Sorts a map as the bytes of its message do; of two keys that begin alike the longer one is first."""
    return entry[0].encode() + b"\xff"


def by_number(values: Any, descriptor: Descriptor) -> Any:
    """The library's values with the fields in the order of their numbers."""
    if descriptor.file.package == "google.protobuf" or not isinstance(values, dict):
        return values
    found = {}
    for field in sorted(descriptor.fields, key=lambda field: field.number):
        if field.name in values:
            value, inner = values[field.name], field.message_type
            if inner is not None and inner.GetOptions().map_entry:
                of_value = inner.fields_by_name["value"].message_type
                found[field.name] = {
                    k: v if of_value is None else by_number(v, of_value) for k, v in sorted(value.items(), key=in_bytes)
                }
            elif inner is None:
                found[field.name] = value
            else:
                found[field.name] = (
                    [by_number(one, inner) for one in value] if field.is_repeated else by_number(value, inner)
                )
    return found


def by_library(message: Message) -> Any:
    values = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return as_pairs(json.dumps(by_number(values, message.DESCRIPTOR)))


@pytest.mark.parametrize("name", TYPES)
def test_a_message_has_the_values_of_the_library(name: str) -> None:
    for number in range(7):
        for depth in (0, 1, 5):
            message = GetMessageClass(TYPES[name])()
            if number:
                fill(message, number, depth)
            assert as_pairs(json_text(message)) == by_library(message)


def test_an_error_has_its_packed_details() -> None:
    status = status_pb2.Status(code=3, message="no")
    for detail in (
        error_details_pb2.ErrorInfo(reason="R", domain="d", metadata={"limit": "7"}),
        error_details_pb2.BadRequest(field_violations=[{"field": "f", "description": "d"}]),
        error_details_pb2.RetryInfo(retry_delay={"seconds": 1, "nanos": 500_000_000}),
    ):
        status.details.add().Pack(detail)
    assert as_pairs(json_text(status)) == by_library(status)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (2.0, "2"),
        (-17.0, "-17"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (0.7999999999999999, "0.79999999999999993"),
        (1e15, "1e+15"),
        (123456789012345.0, "123456789012345"),
        (1e20, "1e+20"),
        (1e-7, "1e-07"),
        (5e-324, "4.94065645841247e-324"),
        (math.nan, '"NaN"'),
        (-math.inf, '"-Infinity"'),
    ],
)
def test_a_double_has_15_digits_or_17(value: float, text: str) -> None:
    message = measurement_pb2.Measurement(mean=value)
    assert f'"mean":{text},' in json_text(message).decode()


def test_characters_that_could_end_a_script_or_hide_are_escaped() -> None:
    message = measurement_pb2.Measurement(source='<a> "ü" \x7f\u2028\U000e0041\t')
    assert '"source":"\\u003ca\\u003e \\"ü\\" \\u007f\\u2028\\udb40\\udc41\\t"' in json_text(message).decode()
