"""One gRPC call over HTTP/1.1, as the edge passes it on: the same messages and the same status as over HTTP/2."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import DropmeshError
from services.common.rpc.call import REST_PATH, Call
from services.common.rpc.grpc_methods import MAX_MESSAGE_BYTES, FirstOf, reader, serialize
from services.common.rpc.http1.answers import answer_end, answer_head, messages_chunk, refusal
from services.common.rpc.http1.receiving import Receiving
from services.common.rpc.http1.requests import IncomingRequests
from services.common.rpc.methods import Kind, Method

# Messages that wait for the end of a turn of the event loop are sent before it from so many bytes on.
MOST_WAITING_BYTES = 64 * 1024
# Unfinished messages that are kept in memory: so many of the largest.
LARGEST_AT_ONCE = 8


class Connection(Protocol):
    """The connection that a call came by."""

    def write(self, data: bytes) -> None:
        """Sends bytes of the answer."""

    async def drained(self) -> None:
        """Returns once the edge takes more."""

    def pause(self, paused: bool) -> None:
        """Reads no further, or goes on."""

    def abort(self) -> None:
        """Breaks off, so that the edge does not take what it has for the whole answer."""

    def is_closing(self) -> bool:
        """Whether no answer is awaited any more."""


@dataclass(frozen=True, slots=True)
class GrpcMethod:
    """A method, how its requests are decoded, and what counts the bytes of unfinished ones."""

    method: Method
    read: Callable[[bytes], Any]
    receiving: Receiving


def grpc_methods(methods: Iterable[Method]) -> dict[bytes, GrpcMethod]:
    """Methods by the path at which gRPC calls them."""
    receiving = Receiving(LARGEST_AT_ONCE * MAX_MESSAGE_BYTES)
    return {
        f"/{method.descriptor.containing_service.full_name}/{method.name}".encode(): GrpcMethod(
            method, reader(method.request), receiving
        )
        for method in methods
    }


class GrpcCall:
    """Feeds the method with the body's messages, and writes its answer to the connection."""

    def __init__(self, called: GrpcMethod, headers: Sequence[tuple[str, str]], connection: Connection) -> None:
        self._method = called.method
        self._connection = connection
        self._call = Call(headers, connection.is_closing)
        self.requests = IncomingRequests(
            called.read, self._call, called.receiving, connection.pause, most_bytes=MAX_MESSAGE_BYTES
        )
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._is_begun = False

    async def answer(self) -> None:
        """Calls the method."""
        kind = self._method.kind
        is_stream = kind in (Kind.CLIENT_STREAM, Kind.BOTH_STREAM)
        requests = self.requests if is_stream else FirstOf(self.requests)
        try:
            answer = self._method.invoke(requests, self._call)
            if kind in (Kind.SERVER_STREAM, Kind.BOTH_STREAM):
                await self._send_all(answer)
            else:
                message = serialize(await answer)
                self._connection.write(
                    b"".join([answer_head(self._call), messages_chunk([message]), answer_end(self._call)])
                )
        except DropmeshError as error:
            self._fail(error)
        finally:
            self.requests.discard()

    async def _send_all(self, answer: AsyncIterator[Any]) -> None:
        async with aclosing(answer) as messages:  # type: ignore[type-var]
            async for message in messages:
                self._send(serialize(message))
                await self._connection.drained()
        self._flush()
        head = b"" if self._is_begun else answer_head(self._call)
        self._connection.write(head + answer_end(self._call))

    def _send(self, message: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        if self._waiting_bytes >= MOST_WAITING_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            head = b"" if self._is_begun else answer_head(self._call)
            self._is_begun = True
            self._connection.write(head + messages_chunk(self._waiting))
            self._waiting, self._waiting_bytes = [], 0

    def _fail(self, error: DropmeshError) -> None:
        self._flush()
        if not self._is_begun:
            self._connection.write(refusal(self._call, error))
        elif self._call.header(REST_PATH) is not None and self._method.descriptor.output_type is HttpBody.DESCRIPTOR:
            # The edge would end these bytes as if they were whole.
            self._connection.abort()
        else:
            self._connection.write(answer_end(self._call, error))
