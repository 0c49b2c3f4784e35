"""The fields that the JSON bodies of the contract may have, for the edge's filter json_keys.lua."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

PACKAGE = "dropmesh."
HEAD = """\
-- Generated from the contract by scripts/generate; do not edit.
-- The fields of each message in a JSON body, with the type of a field's value: "" where anything may be. Then the
-- values of each enumeration.
"""
# What google.protobuf has is text in JSON, or has any keys. The filter knows the form of these.
FORMS = frozenset({"google.protobuf.Duration", "google.protobuf.Timestamp"})
# The keys of a map are the caller's own.
ANY_KEY = "*"


def body_message(method: MethodDescriptor) -> Descriptor | None:
    """The message that the body of a REST request is, if it takes one."""
    body = method.GetOptions().Extensions[annotations_pb2.http].body
    if not body:
        return None
    return method.input_type if body == "*" else method.input_type.fields_by_name[body].message_type


def json_fields(messages: Iterable[Descriptor]) -> str:
    """A Lua table of these messages and all that they hold."""
    known: dict[str, Descriptor] = {}
    waiting: list[Descriptor | None] = list(messages)
    while waiting:
        message = waiting.pop()
        if message is not None and _is_ours(message) and message.full_name not in known:
            known[message.full_name] = message
            waiting += [field.message_type for field in message.fields]
    lines = (line for _, message in sorted(known.items()) for line in _table(message))
    enums = {
        field.enum_type.full_name: field.enum_type
        for message in known.values()
        for field in message.fields
        if field.enum_type
    }
    values = (f'  ["{name}"] = "{value_names(enum)}",' for name, enum in sorted(enums.items()))
    return "\n".join([f"{HEAD}return {{", *lines, "}, {", *values, "}", ""])


def value_names(enum: EnumDescriptor) -> str:
    """The values that a caller may choose, as an error lists them."""
    return ", ".join(value.name for value in enum.values if value.number)


def _table(message: Descriptor) -> Iterator[str]:
    yield f'  ["{message.full_name}"] = {{'
    if message.GetOptions().map_entry:
        yield f'    ["{ANY_KEY}"] = "{_value(message.fields_by_name["value"])}",'
    else:
        for field in message.fields:
            # JSON has either.
            for name in dict.fromkeys((field.name, field.json_name)):
                yield f'    ["{name}"] = "{_value(field)}",'
    yield "  },"


def _value(field: FieldDescriptor) -> str:
    kind = field.enum_type or field.message_type
    return kind.full_name if kind is not None and (_is_ours(kind) or kind.full_name in FORMS) else ""


def _is_ours(kind: Descriptor | EnumDescriptor) -> bool:
    return kind.full_name.startswith(PACKAGE)
