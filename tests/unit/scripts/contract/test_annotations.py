from __future__ import annotations

from google.api import annotations_pb2, field_behavior_pb2, resource_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from scripts.contract.annotations import missing_annotations
from scripts.contract.method_errors import METHODS

FIELD = descriptor_pb2.FieldDescriptorProto


def test_the_contract_lacks_none():
    assert missing_annotations(METHODS.values()) == []


def test_a_field_of_a_request_and_of_what_it_holds_needs_a_behavior():
    request = message(
        "GetThingRequest",
        field("name", behavior=field_behavior_pb2.REQUIRED),
        field("filter"),
        field("options", of=".dropmesh.v1.Options", behavior=field_behavior_pb2.OPTIONAL),
    )
    found = missing_annotations([method(request, message("Options", field("mode")), message("Thing", field("size")))])
    assert [line.partition(": ")[0] for line in found] == [
        "dropmesh.v1.GetThingRequest.filter",
        "dropmesh.v1.Options.mode",
    ]
    assert found[0].endswith("a field of a request needs google.api.field_behavior (REQUIRED or OPTIONAL)")


def test_the_state_of_a_resource_is_output_only():
    thing = message("Thing", field("state"), field("size"))
    thing.options.Extensions[resource_pb2.resource].type = "dropmesh.dev/Thing"
    assert missing_annotations([method(message("GetThingRequest"), message("Options"), thing)]) == [
        "dropmesh.v1.Thing.state: the state of a resource is OUTPUT_ONLY"
    ]


def message(name: str, *fields: descriptor_pb2.FieldDescriptorProto) -> descriptor_pb2.DescriptorProto:
    made = descriptor_pb2.DescriptorProto(name=name, field=fields)
    for number, one in enumerate(made.field, 1):
        one.number = number
    return made


def field(name: str, *, of: str = "", behavior: int | None = None) -> descriptor_pb2.FieldDescriptorProto:
    made = FIELD(name=name, label=FIELD.LABEL_OPTIONAL, type=FIELD.TYPE_MESSAGE if of else FIELD.TYPE_STRING)
    if of:
        made.type_name = of
    if behavior is not None:
        made.options.Extensions[field_behavior_pb2.field_behavior].append(behavior)  # type: ignore[arg-type]
    return made


def method(*messages: descriptor_pb2.DescriptorProto) -> MethodDescriptor:
    """GetThing of a contract with these messages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="things.proto",
        package="dropmesh.v1",
        message_type=messages,
        dependency=["google/api/annotations.proto", "google/api/field_behavior.proto", "google/api/resource.proto"],
        syntax="proto3",
    )
    file.service.add(name="Things").method.add(
        name="GetThing", input_type=".dropmesh.v1.GetThingRequest", output_type=".dropmesh.v1.Thing"
    )
    pool = descriptor_pool.DescriptorPool()
    for needed in (annotations_pb2, field_behavior_pb2, resource_pb2):
        add(pool, needed.DESCRIPTOR)
    pool.Add(file)
    return pool.FindMethodByName("dropmesh.v1.Things.GetThing")


def add(pool: descriptor_pool.DescriptorPool, file: object) -> None:
    for needed in file.dependencies:  # type: ignore[attr-defined]
        add(pool, needed)
    pool.AddSerializedFile(file.serialized_pb)  # type: ignore[attr-defined]
