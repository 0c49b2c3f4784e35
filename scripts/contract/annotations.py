"""The annotations that generators of clients read, and which fields and messages of the contract lack them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

PACKAGE = "dropmesh.v1."
RESOURCE = resource_pb2.resource
BEHAVIOR = field_behavior_pb2.field_behavior
STATED = (
    field_behavior_pb2.REQUIRED,
    field_behavior_pb2.OPTIONAL,
    field_behavior_pb2.OUTPUT_ONLY,
    field_behavior_pb2.INPUT_ONLY,
    field_behavior_pb2.IDENTIFIER,
)


def missing_annotations(methods: Iterable[MethodDescriptor]) -> list[str]:
    """Returns a line for each annotation that the messages of these methods lack."""
    methods = list(methods)
    requests = reachable(method.input_type for method in methods)
    answers = reachable(method.output_type for method in methods)
    found = [
        f"{field.full_name}: a field of a request needs google.api.field_behavior (REQUIRED or OPTIONAL)"
        for message in requests.values()
        for field in message.fields
        if not set(behaviors(field)) & set(STATED)
    ]
    for message in answers.values():
        if not message.GetOptions().HasExtension(RESOURCE):
            continue
        found += [
            f"{field.full_name}: the state of a resource is OUTPUT_ONLY"
            for field in message.fields
            if field.name == "state" and field_behavior_pb2.OUTPUT_ONLY not in behaviors(field)
        ]
    return sorted(found)


def behaviors(field: FieldDescriptor) -> list[int]:
    """Returns the google.api.field_behavior values of a field."""
    return list(field.GetOptions().Extensions[BEHAVIOR])


def reachable(messages: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """Returns the messages of this contract among these and among their fields, by full name."""
    found: dict[str, Descriptor] = {}
    waiting = list(messages)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or not message.full_name.startswith(PACKAGE):
            continue
        if not message.GetOptions().map_entry:
            found[message.full_name] = message
        waiting += _nested(message)
    return found


def _nested(message: Descriptor) -> Iterator[Descriptor]:
    return (field.message_type for field in message.fields if field.message_type is not None)
