"""JSON Schemas of the contract's messages in proto3's JSON mapping, with the limits that stand on the fields.

A message has one schema for answers, where the edge prints every field without presence, and another for requests,
without the fields that only the mesh sets: its name ends in `Input` if the message also occurs in answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from dropmesh.buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.rpc import status_pb2

from scripts.contract.annotations import behaviors, reachable
from scripts.contract.openapi.comments import Comments
from scripts.contract.openapi.patterns import duration_pattern

Schema = dict[str, Any]

WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "example": "2s"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
}
INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
SCALARS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0},
    FieldDescriptor.CPPTYPE_INT64: INT64,
    FieldDescriptor.CPPTYPE_UINT64: INT64,
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
# The comment of an enum's zero that no answer and no request carries.
NEVER = "Never sent."
SET_BY_THE_MESH = {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER}
STATUS = status_pb2.Status.DESCRIPTOR.full_name


class Schemas:
    """Collects the schemas of messages and enums as they are referred to."""

    def __init__(self, comments: Comments, answers: Iterable[Descriptor]) -> None:
        self._comments = comments
        self._in_answers = set(reachable(answers))
        self.components: dict[str, Schema] = {}

    def answer(self, message: Descriptor) -> Schema:
        """The schema of a message in an answer, by reference."""
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        name = component_name(message.full_name)
        if message.full_name == STATUS:
            return reference(name)
        return self._message(message, name, in_answer=True)

    def input(self, message: Descriptor) -> Schema:
        """The schema of a message in a request, by reference."""
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        name = component_name(message.full_name)
        name += "Input" if message.full_name in self._in_answers else ""
        return self._message(message, name, in_answer=False)

    def input_object(self, fields: Iterable[FieldDescriptor]) -> Schema:
        """The schema of an object with these fields of a request."""
        fields = inputs(fields)
        required = [field.name for field in fields if field_behavior_pb2.REQUIRED in behaviors(field)]
        return {
            "type": "object",
            **({"required": required} if required else {}),
            "properties": {field.name: self.field(field, in_answer=False) for field in fields},
            # The edge refuses other keys.
            "additionalProperties": False,
            **_at_most_one(fields),
        }

    def field(self, field: FieldDescriptor, *, in_answer: bool) -> Schema:
        """A field's schema with its limits and comment."""
        rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            schema: Schema = {
                "type": "object",
                "additionalProperties": self._value(value, rules.map.values, in_answer=in_answer),
            }
            if rules.map.HasField("max_pairs") and not in_answer:
                schema["maxProperties"] = rules.map.max_pairs
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, rules.repeated.items, in_answer=in_answer)}
            if rules.repeated.min_items and not in_answer:
                schema["minItems"] = rules.repeated.min_items
            if rules.repeated.HasField("max_items"):
                schema["maxItems"] = rules.repeated.max_items
            if rules.repeated.unique:
                schema["uniqueItems"] = True
        else:
            schema = self._value(field, rules, in_answer=in_answer)
        extra = described(self._comments.of(field.full_name))
        if in_answer and set(behaviors(field)) & SET_BY_THE_MESH:
            extra["readOnly"] = True
        if "$ref" in schema:
            return {"allOf": [schema], **extra} if extra else schema
        return {**schema, **extra}

    def _message(self, message: Descriptor, name: str, *, in_answer: bool) -> Schema:
        if name not in self.components:
            self.components[name] = {}
            if in_answer:
                fields = [f for f in message.fields if field_behavior_pb2.INPUT_ONLY not in behaviors(f)]
                required = [field.name for field in fields if not field.has_presence]
                schema: Schema = {
                    "type": "object",
                    **({"required": required} if required else {}),
                    "properties": {field.name: self.field(field, in_answer=True) for field in fields},
                }
            else:
                schema = self.input_object(message.fields)
            self.components[name] = {**schema, **described(self._comments.of(message.full_name))}
        return reference(name)

    def _value(self, field: FieldDescriptor, rules: validate_pb2.FieldRules, *, in_answer: bool) -> Schema:
        if field.message_type is not None:
            schema = self.answer(field.message_type) if in_answer else self.input(field.message_type)
            return schema if in_answer else {**schema, **_well_known_limits(rules)}
        if field.enum_type is not None:
            return self._enum(field.enum_type, rules)
        schema = dict(SCALARS[field.cpp_type])
        if field.type == FieldDescriptor.TYPE_BYTES:
            schema["format"] = "byte"
        kind = rules.WhichOneof("type")
        if kind == "string":
            schema.update(_string_limits(rules.string))
        elif kind in {"int32", "double"}:
            schema.update(_number_limits(getattr(rules, kind)))
        elif kind == "int64" and rules.int64.HasField("gte"):
            schema["pattern"] = "^[0-9]{1,18}$"
        if rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE and kind == "string" and rules.string.HasField("pattern"):
            # Empty is the default, and allowed.
            schema["pattern"] = f"^({schema['pattern'].removeprefix('^').removesuffix('$')})?$"
        if rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE and field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
            # 0 is the default, and stands outside the limits of a value that is given.
            schema["minimum"] = min(0, schema.get("minimum", 0))
        return schema

    def _enum(self, enum: EnumDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        values = [value for value in enum.values if value.number or self._comments.of(_value_name(value)) != NEVER]
        refused = {value.name for value in values if value.number in rules.enum.not_in}
        if refused:
            return {"type": "string", "enum": [value.name for value in values if value.name not in refused]}
        name = component_name(enum.full_name)
        meanings = {value.name: self._comments.of(_value_name(value)) for value in values}
        listed = "\n".join(f"- `{value}`: {meaning}" for value, meaning in meanings.items())
        self.components[name] = {
            "type": "string",
            "enum": list(meanings),
            "description": f"{self._comments.of(enum.full_name)}\n\n{listed}",
            "x-enum-descriptions": list(meanings.values()),
        }
        return reference(name)


def inputs(fields: Iterable[FieldDescriptor]) -> list[FieldDescriptor]:
    """Those of a message's fields that a request may set."""
    return [field for field in fields if not set(behaviors(field)) & SET_BY_THE_MESH]


def reference(name: str) -> Schema:
    """A reference to a schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def component_name(full_name: str) -> str:
    """The name of a message or enum among the components: `Media.State` is MediaState."""
    if full_name.startswith("dropmesh."):
        return full_name.rpartition(".v1.")[2].replace(".", "")
    return full_name.rpartition(".")[2]


def described(text: str) -> Schema:
    """The description of a schema or parameter, if there is one."""
    return {"description": text} if text else {}


def _value_name(value: Any) -> str:
    return f"{value.type.full_name}.{value.name}"


def _string_limits(rules: validate_pb2.StringRules) -> Schema:
    schema: Schema = {}
    if rules.HasField("pattern"):
        schema["pattern"] = rules.pattern
    if rules.HasField("max_len"):
        schema["maxLength"] = rules.max_len
    if rules.HasField("min_len"):
        schema["minLength"] = rules.min_len
    if rules.uuid:
        schema["format"] = "uuid"
    if getattr(rules, "in"):
        schema["enum"] = list(getattr(rules, "in"))
    return schema


def _well_known_limits(rules: validate_pb2.FieldRules) -> Schema:
    kind = rules.WhichOneof("type")
    if kind == "duration" and rules.duration.HasField("gte") and rules.duration.HasField("lte"):
        return {"pattern": duration_pattern(rules.duration.gte.seconds, rules.duration.lte.seconds)}
    if kind == "field_mask":
        # By the contract's names, or as JSON names them.
        names = [name for path in getattr(rules.field_mask, "in") for name in (path, _camel(path))]
        any_name = f"({'|'.join(dict.fromkeys(names))})"
        return {"pattern": f"^({any_name}(,{any_name})*)?$"}
    return {}


def _at_most_one(fields: Iterable[FieldDescriptor]) -> Schema:
    """The rule of a oneof: no two of its fields."""
    grouped: dict[str, list[str]] = {}
    for field in fields:
        if field.containing_oneof is not None:
            grouped.setdefault(field.containing_oneof.full_name, []).append(field.name)
    # What is required stands under properties too: linters look for it there.
    pairs = [
        {"not": {"properties": {name: {} for name in pair}, "required": list(pair)}}
        for names in grouped.values()
        for pair in combinations(names, 2)
    ]
    return pairs[0] if len(pairs) == 1 else {"allOf": pairs} if pairs else {}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _number_limits(limits: Any) -> Schema:
    words = (("gte", "minimum"), ("lte", "maximum"))
    return {word: getattr(limits, limit) for limit, word in words if limits.HasField(limit)}
