"""Guarded methods as handlers of a gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_reflection.v1alpha._async import ReflectionServicer
from grpc_reflection.v1alpha.reflection import SERVICE_NAME

from services.common.base.errors import DropmeshError
from services.common.rpc.call import HTTP_STATUS, REQUEST_ID, Call
from services.common.rpc.guard import Guard
from services.common.rpc.methods import Kind, Method, Undecodable, wrong_text
from services.common.rpc.status import error_headers, error_status

MAX_MESSAGE_BYTES = 80 * 1024 * 1024
_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}
Context = grpc.aio.ServicerContext[Any, Any]


def grpc_handler(service: ServiceDescriptor, methods: Iterable[Method]) -> grpc.GenericRpcHandler[Any, Any]:
    """All methods of a service."""
    return grpc.method_handlers_generic_handler(
        service.full_name, {method.name: _handler(method) for method in methods}
    )


def _handler(method: Method) -> grpc.RpcMethodHandler[Any, Any]:
    invoke = method.invoke
    is_stream = method.kind in (Kind.CLIENT_STREAM, Kind.BOTH_STREAM)
    one = (lambda requests: requests) if is_stream else FirstOf

    async def answer(requests: AsyncIterator[Any], context: Context) -> Any:
        call = Call(context.invocation_metadata() or (), context.cancelled)
        try:
            message = await invoke(one(requests), call)
        except DropmeshError as error:
            await _abort(context, error, call)
            raise
        context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
        await _send_headers(context, call)
        return message

    async def answers(requests: AsyncIterator[Any], context: Context) -> None:
        call = Call(context.invocation_metadata() or (), context.cancelled)
        is_begun = False
        try:
            async with aclosing(invoke(one(requests), call)) as messages:
                async for message in messages:
                    if not is_begun:
                        is_begun = True
                        await _send_headers(context, call)
                    await context.write(message)
        except DropmeshError as error:
            await _abort(context, error, call)
            raise
        context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
        if not is_begun:
            await _send_headers(context, call)

    # To the server each request is a stream, so that it calls the method before it has read a message.
    read = reader(method.request)
    if method.kind in (Kind.SERVER_STREAM, Kind.BOTH_STREAM):
        return grpc.stream_stream_rpc_method_handler(answers, read, serialize)
    return grpc.stream_unary_rpc_method_handler(answer, read, serialize)


class FirstOf:
    """The one request of a stream, which is read when it is awaited."""

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests

    def __await__(self) -> Generator[Any, Any, Any]:
        return anext(aiter(self._requests), Undecodable()).__await__()


class GuardedReflection(ReflectionServicer):  # type: ignore[misc]
    """Describes the contract to tools, for who may read."""

    def __init__(self, guard: Guard, names: Iterable[str]) -> None:
        super().__init__(names)
        self._guard = guard

    async def ServerReflectionInfo(self, request_iterator: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        """A stream of questions and their answers."""
        call = Call(context.invocation_metadata() or (), context.cancelled)
        try:
            async with self._guard.watching(f"{SERVICE_NAME}.ServerReflectionInfo", call):
                async for answer in super().ServerReflectionInfo(request_iterator, context):
                    yield answer
        except DropmeshError as error:
            await _abort(context, error, call)
            raise


def reader(request: type[Message]) -> Callable[[bytes], Any]:
    """Decodes requests; gRPC would answer one that cannot be decoded with Python's own text."""

    def read(data: bytes) -> Any:
        try:
            return request.FromString(data)
        except DecodeError:
            return Undecodable(wrong_text(request.DESCRIPTOR, data))

    return read


def serialize(message: Message) -> bytes:
    """The bytes of an answer."""
    return message.SerializeToString(deterministic=True)


async def _send_headers(context: Context, call: Call) -> None:
    if call.http_status is not None:
        await context.send_initial_metadata(((HTTP_STATUS, str(call.http_status)), *call.answer_headers.items()))


async def _abort(context: Context, error: DropmeshError, call: Call) -> None:
    metadata: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", error_status(error).SerializeToString()),
        (REQUEST_ID, call.request_id),
        *error_headers(error).items(),
    ]
    if error.http_status is not None:
        metadata.append((HTTP_STATUS, str(error.http_status)))
    await context.abort(_GRPC_CODES[error.code], error.message, tuple(metadata))
