"""JSON Schemas of the contract's messages in proto3's JSON mapping, with the limits that stand on the fields."""

from __future__ import annotations

from typing import Any

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

Schema = dict[str, Any]

WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "example": "2s"},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "additionalProperties": True,
    },
}
SCALARS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}


class Comments:
    """The comments of the contract, by full name."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        self._texts: dict[str, str] = {}
        for file in files.file:
            for location in file.source_code_info.location:
                if location.leading_comments:
                    self._texts[_full_name(file, list(location.path))] = location.leading_comments.strip()

    def of(self, full_name: str) -> str:
        """Returns the comment of a message, field, enum, value, service or method; paragraphs kept, lines joined."""
        paragraphs = self._texts.get(full_name, "").split("\n\n")
        return "\n\n".join(" ".join(line.strip() for line in paragraph.split("\n")) for paragraph in paragraphs).strip()


class Schemas:
    """Collects the schemas of messages as they are referred to."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self.components: dict[str, Schema] = {}

    def message(self, message: Descriptor) -> Schema:
        """A message's schema, by reference."""
        if message.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[message.full_name])
        name = message.full_name.split(".v1.")[-1] if message.full_name.startswith("dropmesh.") else message.name
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = {
                "type": "object",
                **_described(self._comments.of(message.full_name)),
                "properties": {field.name: self.field(field) for field in message.fields},
            }
        return {"$ref": f"#/components/schemas/{name}"}

    def field(self, field: FieldDescriptor) -> Schema:
        """A field's schema with its limits and comment."""
        rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index]
        if _is_map(field):
            schema: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
        elif field.is_repeated:
            schema = {"type": "array", "items": self.value(field, rules.repeated.items)}
            if rules.repeated.HasField("max_items"):
                schema["maxItems"] = rules.repeated.max_items
            if rules.repeated.unique:
                schema["uniqueItems"] = True
        else:
            schema = self.value(field, rules)
        behaviors = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        extra: Schema = _described(self._comments.of(field.full_name))
        if field_behavior_pb2.OUTPUT_ONLY in behaviors:
            extra["readOnly"] = True
        if field_behavior_pb2.INPUT_ONLY in behaviors:
            extra["writeOnly"] = True
        if "$ref" in schema:
            return {"allOf": [schema], **extra} if extra else schema
        return {**schema, **extra}

    def value(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        """The schema of one value of a field."""
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type, rules)
        schema = dict(SCALARS[field.cpp_type])
        kind = rules.WhichOneof("type")
        if kind == "string":
            schema.update(_string_limits(rules.string))
        elif kind in {"int32", "double"}:
            limits = getattr(rules, kind)
            for limit, word in (("gte", "minimum"), ("lte", "maximum")):
                if limits.HasField(limit):
                    schema[word] = getattr(limits, limit)
        elif kind == "int64" and rules.int64.HasField("gte"):
            schema["pattern"] = "^[0-9]{1,18}$"
        return schema

    @staticmethod
    def _enum(enum: EnumDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        refused = set(rules.enum.not_in)
        return {"type": "string", "enum": [value.name for value in enum.values if value.number not in refused]}


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


def _described(text: str) -> Schema:
    return {"description": text} if text else {}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _full_name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    """The full name of what a source location speaks of: pairs of a field number and an index, from the file down."""
    names = [file.package]
    node: Any = file
    for number, index in zip(path[::2], path[1::2], strict=False):
        field = node.DESCRIPTOR.fields_by_number[number]
        if field.message_type is None or not field.is_repeated:
            return ""
        node = getattr(node, field.name)[index]
        if not hasattr(node, "name") or "options" in field.name:
            return ""
        names.append(node.name)
    return ".".join(names) if len(path) % 2 == 0 else ""
