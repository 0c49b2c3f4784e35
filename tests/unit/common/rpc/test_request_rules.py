"""What is refused is what the validator finds fault with, for every request of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import protovalidate
import pytest
from dropmesh.buf.validate import validate_pb2
from dropmesh.v1 import ingest_service_pb2, processor_service_pb2, query_service_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.common.base.errors import FieldViolation, InvalidArgument
from services.common.rpc.request_rules import Rules, pattern_words

REQUESTS = {
    method.input_type.full_name: GetMessageClass(method.input_type)
    for file in (ingest_service_pb2, processor_service_pb2, query_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
TEXTS = ("", "a", "7b6b6bd4-5a3c-4f0e-9a53-0c4d7b8f1d2e", "receipts/a", "media/a", "ab" * 3000, "\x00/..")
NUMBERS = (0, 1, 7, 2**31 - 1)
SAMPLES: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.CPPTYPE_BOOL: (False, True),
    FieldDescriptor.CPPTYPE_ENUM: (0, 1, 99),
    FieldDescriptor.CPPTYPE_INT32: (-1, *NUMBERS),
    FieldDescriptor.CPPTYPE_INT64: (-1, *NUMBERS, 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: NUMBERS,
    FieldDescriptor.CPPTYPE_UINT64: NUMBERS,
    FieldDescriptor.CPPTYPE_FLOAT: (-1.0, 0.0, 0.5, 2.0),
    FieldDescriptor.CPPTYPE_DOUBLE: (-1.0, 0.0, 0.5, 2.0),
    FieldDescriptor.CPPTYPE_STRING: TEXTS,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_refused_where_the_validator_finds_fault_with_it(name: str) -> None:
    rules, validator = Rules(), protovalidate.Validator()
    messages = [REQUESTS[name](), *_with_one_field(REQUESTS[name])]
    refused = [_refused(rules, message) for message in messages]
    assert refused == [
        [violation.proto.rule_id.upper().replace(".", "_") for violation in validator.collect_violations(message)]
        for message in messages
    ]


def test_the_samples_hold_good_and_bad_requests() -> None:
    rules = Rules()
    refused = [_refused(rules, message) for kind in REQUESTS.values() for message in _with_one_field(kind)]
    assert any(refused)
    assert not all(refused)


def test_every_pattern_has_words() -> None:
    patterns = {
        rules.pattern
        for kind in REQUESTS.values()
        for field in _fields(kind.DESCRIPTOR, frozenset())
        for rules in _string_rules(field.GetOptions().Extensions[validate_pb2.field])
        if rules.pattern
    }
    assert len(patterns) > 20
    found = {pattern: pattern_words(pattern) for pattern in patterns}
    assert {pattern: words for pattern, words in found.items() if set("[]^$?|*\\") & set(words)} == {}


@pytest.mark.parametrize(
    ("request_", "field", "description", "reason"),
    [
        (
            ingest_service_pb2.UploadMediaRequest(sha256="x"),
            "sha256",
            "must be 64 hexadecimal digits",
            "STRING_PATTERN",
        ),
        (
            query_service_pb2.CheckHashesRequest(sha256=["a" * 64, "x"]),
            "sha256[1]",
            "must be 64 hexadecimal digits",
            "STRING_PATTERN",
        ),
        (
            ingest_service_pb2.BatchDeleteMediaRequest(names=["x"]),
            "names[0]",
            "must be a name such as media/{id}",
            "STRING_PATTERN",
        ),
        (
            ingest_service_pb2.UploadMediaRequest(anonymize={"regions": [{"box": {"right": -1}}]}),
            "anonymize.regions[0].box.right",
            "must be greater than or equal to 0 and less than or equal to 1000000",
            "DOUBLE_GTE_LTE",
        ),
        (
            ingest_service_pb2.CreateUploadRequest(upload={"labels": {"a b": "c"}}),
            'upload.labels["a b"]',
            'the name must have 1 to 63 letters, digits, "_", "." and "-", and begin with a letter or "_"',
            "STRING_PATTERN",
        ),
        (
            query_service_pb2.ListMediaRequest(order_by="size"),
            "order_by",
            "must be one of create_time, create_time desc, filename",
            "STRING_IN",
        ),
        (
            processor_service_pb2.DetectObjectsRequest(objects=["FACE", "OBJECT_CLASS_UNSPECIFIED"]),
            "objects[1]",
            "must be one of FACE, PERSON, LICENSE_PLATE, VEHICLE",
            "ENUM_NOT_IN",
        ),
        (
            ingest_service_pb2.UploadMediaRequest(anonymize={"mode": 99}),
            "anonymize.mode",
            "must be one of BLUR, MOSAIC, SOLID, GRADIENT",
            "ENUM_DEFINED_ONLY",
        ),
        (
            ingest_service_pb2.UpdateMediaRequest(name="media/a", update_mask={"paths": ["filename", "labels.a"]}),
            "update_mask",
            'has the path "labels.a"; name only filename, labels, each as a whole',
            "FIELD_MASK_IN",
        ),
        (
            ingest_service_pb2.UpdateSeriesRequest(name="series/a", update_mask={"paths": ["nonsense"]}),
            "update_mask",
            'has the path "nonsense"; name only display_name, labels, each as a whole',
            "FIELD_MASK_IN",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_violation_has_its_place_words_and_a_reason(
    request_: Message, field: str, description: str, reason: str
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        Rules().check(request_)
    assert raised.value.violations == (FieldViolation(field, description, reason),)
    assert raised.value.message == f"{field}: {description}"


@pytest.mark.parametrize(
    "name", [name for name, kind in REQUESTS.items() if "update_mask" in kind.DESCRIPTOR.fields_by_name]
)
def test_a_mask_has_whole_fields_only(name: str) -> None:
    kind = REQUESTS[name]
    rules = kind.DESCRIPTOR.fields_by_name["update_mask"].GetOptions().Extensions[validate_pb2.field]
    for path in getattr(rules.field_mask, "in"):
        assert "FIELD_MASK_IN" not in _refused(Rules(), kind(update_mask={"paths": [path]}))
        assert "FIELD_MASK_IN" in _refused(Rules(), kind(update_mask={"paths": [f"{path}.x"]}))


def _fields(descriptor: Any, around: frozenset[str]) -> Iterator[Any]:
    for field in descriptor.fields:
        yield field
        inner = field.message_type
        if inner is not None and inner.full_name not in around:
            yield from _fields(inner, around | {inner.full_name})


def _string_rules(rules: Any) -> Iterator[Any]:
    yield from (rules.string, rules.repeated.items.string, rules.map.keys.string, rules.map.values.string)


def _refused(rules: Rules, message: Message) -> list[str]:
    try:
        rules.check(message)
    except InvalidArgument as error:
        return [violation.reason for violation in error.violations]
    return []


def _with_one_field(kind: type[Message], depth: int = 3) -> Iterator[Message]:
    for field in kind.DESCRIPTOR.fields:
        for value in _values(field, depth):
            message = kind()
            one = getattr(message, field.name)
            if field.is_repeated:
                one.extend([value])
            elif field.message_type is not None:
                one.CopyFrom(value)
            else:
                setattr(message, field.name, value)
            yield message


def _values(field: Any, depth: int) -> Iterator[Any]:
    if field.message_type is None:
        yield from (_as_bytes(field, value) for value in SAMPLES[field.cpp_type])
    elif depth and not field.message_type.GetOptions().map_entry:
        inner = GetMessageClass(field.message_type)
        yield inner()
        yield from _with_one_field(inner, depth - 1)


def _as_bytes(field: Any, value: Any) -> Any:
    return value.encode() if field.type == FieldDescriptor.TYPE_BYTES and isinstance(value, str) else value
