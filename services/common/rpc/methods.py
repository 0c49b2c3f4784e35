"""A guarded method, independent of the protocol: the gRPC server and the HTTP door are both built from these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from services.common.base.errors import NOT_UTF8, FieldViolation, InvalidArgument
from services.common.rpc.call import Call


@dataclass(frozen=True, slots=True)
class Undecodable:
    """In place of a request whose bytes cannot be decoded; the guard refuses it once the caller is known."""

    field: str = ""
    """The path of the text that is not UTF-8; empty where something else is wrong."""

    def refusal(self) -> InvalidArgument:
        """The error that its caller gets."""
        if not self.field:
            return InvalidArgument(reasons.REQUEST_MALFORMED, "the request is not a message of this method")
        return InvalidArgument(
            reasons.REQUEST_MALFORMED,
            f"{self.field}: is not UTF-8",
            metadata={"field": self.field},
            violations=[FieldViolation(self.field, "is not UTF-8", NOT_UTF8)],
        )


class Kind(Enum):
    """Which side sends a stream."""

    UNARY = auto()
    CLIENT_STREAM = auto()
    SERVER_STREAM = auto()
    BOTH_STREAM = auto()


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the contract, behind the guard.

    `invoke` takes the request and the call; for CLIENT_STREAM and BOTH_STREAM an async iterator of requests. A request
    that still arrives is an awaitable, which is awaited once the caller is known and has a place. It returns an
    awaitable answer; for SERVER_STREAM and BOTH_STREAM an async iterator of answers. It raises DropmeshError or
    CancelledError.
    """

    descriptor: MethodDescriptor
    invoke: Callable[[Any, Call], Any]

    @property
    def name(self) -> str:
        """As in the contract, without the service."""
        return self.descriptor.name

    @property
    def kind(self) -> Kind:
        """Which side sends a stream."""
        if self.descriptor.client_streaming:
            return Kind.BOTH_STREAM if self.descriptor.server_streaming else Kind.CLIENT_STREAM
        return Kind.SERVER_STREAM if self.descriptor.server_streaming else Kind.UNARY

    @property
    def request(self) -> type[Message]:
        """The class of its requests."""
        return GetMessageClass(self.descriptor.input_type)


def wrong_text(descriptor: Any, data: bytes) -> str:
    """The path of the first field whose text is not UTF-8, such as `image.content_type`; "" without one."""
    try:
        # To a message without fields every field is unknown, and unknown fields are kept as bytes.
        fields = cast(Iterable[Any], UnknownFieldSet(Empty.FromString(data)))
    except DecodeError:
        return ""
    for one in fields:
        field = descriptor.fields_by_number.get(one.field_number)
        if field is None or not isinstance(one.data, bytes):
            continue
        if field.type == FieldDescriptor.TYPE_STRING and not _is_text(one.data):
            return str(field.name)
        if field.message_type is not None and (inner := wrong_text(field.message_type, one.data)):
            return f"{field.name}.{inner}"
    return ""


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
