"""Which reads the HTTP doors of query and the processor answer: nothing turns them into gRPC."""

from __future__ import annotations

from dropmesh.v1 import behavior_pb2
from dropmesh.v1.behavior_pb2 import Behavior
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor

SERVICES = frozenset({"dropmesh.v1.QueryService", "dropmesh.v1.ProcessorService"})
# Of the methods that answer with bytes; the edge has further duties for the others.
WITH_BYTES = frozenset({"GetSeriesPoints"})


def is_direct_read(method: MethodDescriptor) -> bool:
    """Whether a method is such a read: one by GET of what belongs to the caller, answered with a message."""
    options = method.GetOptions()
    if method.containing_service.full_name not in SERVICES or options.Extensions[annotations_pb2.http].get == "":
        return False
    if method.name in WITH_BYTES:
        return True
    is_public = options.Extensions[behavior_pb2.behavior].scope == Behavior.PUBLIC
    is_message = not method.server_streaming and method.output_type is not HttpBody.DESCRIPTOR
    return is_message and not is_public
