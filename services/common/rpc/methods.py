"""A guarded method, independent of the protocol: the gRPC server and the HTTP door are both built from these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.common.rpc.call import Call

# In place of a request whose bytes cannot be decoded; the guard refuses it once the caller is known.
UNREADABLE: Final = object()


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
