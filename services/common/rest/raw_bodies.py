"""Which methods take the body of a REST request as it is: the edge sends it unchanged to the service's HTTP door."""

from __future__ import annotations

from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor


def takes_raw_bytes(method: MethodDescriptor) -> bool:
    """Whether the body is raw bytes; of a stream of bytes each line is a message."""
    field = method.input_type.fields_by_name.get(method.GetOptions().Extensions[annotations_pb2.http].body)
    return field is not None and (field.message_type is HttpBody.DESCRIPTOR or field.type == FieldDescriptor.TYPE_BYTES)
