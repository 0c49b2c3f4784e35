"""Stands before every method of every service: request id, load, token, limits, errors and metrics, each in one place.

It wraps a servicer's methods once, when the server is made, instead of intercepting each call: that costs less. A
servicer method takes (request, call) and raises a DropmeshError.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import grpc
from dropmesh.v1 import behavior_pb2
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf import any_pb2, message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from services.common.base import telemetry
from services.common.base.errors import (
    DataLoss,
    DropmeshError,
    ResourceExhausted,
    StoreFull,
    StoreUnavailable,
    Unavailable,
)
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import HTTP_STATUS, Call
from services.common.rpc.request_rules import Rules

ERROR_DOMAIN = "dropmesh.dev"
REQUEST_ID = "x-request-id"
RETRY_WHEN_BUSY = timedelta(seconds=1)
NO_SPAN = nullcontext()
log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Guard:
    """Wraps servicers; one for each server."""

    def __init__(
        self, authenticator: Authenticator, metrics: telemetry.Metrics, *, max_in_flight: int, tracer: Any = None
    ) -> None:
        self._authenticator = authenticator
        self._max_in_flight = max_in_flight
        self._tracer = tracer
        self._rules = Rules()
        # Streams may last long and wait most of the time: they do not take the places of calls that work.
        self._in_flight = {False: 0, True: 0}
        metrics.in_flight.set_function(lambda: sum(self._in_flight.values()))
        # A metric takes longer to find its labels than to count.
        self._requests = cache(metrics.requests.labels)
        self._latency = cache(metrics.latency.labels)

    def handler(self, service: ServiceDescriptor, *servicers: object) -> grpc.GenericRpcHandler[Any, Any]:
        """What a server is given for a service, whose methods its servicers share; a missing one is UNIMPLEMENTED."""
        methods = {method.name: self._method(method, servicers) for method in service.methods}
        return grpc.method_handlers_generic_handler(service.full_name, methods)

    def _method(self, method: MethodDescriptor, servicers: Sequence[object]) -> grpc.RpcMethodHandler[Any, Any]:
        behavior = method.GetOptions().Extensions[behavior_pb2.behavior]
        having = (getattr(servicer, method.name) for servicer in servicers if hasattr(servicer, method.name))
        body: Callable[[Any, Call], Any] = next(having, _not_implemented)
        name = method.full_name
        request = message_factory.GetMessageClass(method.input_type).FromString

        async def unary(message: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            return await self._run(name, behavior, context, message, lambda call: body(message, call))

        async def client_stream(messages: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async def receive(call: Call) -> Any:
                # Only now: who says nothing, or may not call at all, is not waited for outside of the limits.
                first = await anext(aiter(messages), None)
                if first is not None:
                    self._rules.check(first)
                return await body(_Checked(first, messages), call)

            return await self._run(name, behavior, context, None, receive, stream=True)

        async def server_stream(message: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async def send(call: Call) -> None:
                answers: AsyncIterator[Any] = body(message, call)
                async for answer in answers:
                    await context.write(answer)

            await self._run(name, behavior, context, message, send, stream=True)

        if method.client_streaming:
            return grpc.stream_unary_rpc_method_handler(client_stream, request, _serialize)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(server_stream, request, _serialize)
        return grpc.unary_unary_rpc_method_handler(unary, request, _serialize)

    async def _run(
        self,
        name: str,
        behavior: Behavior,
        context: grpc.aio.ServicerContext[Any, Any],
        message: Message | None,
        body: Callable[[Call], Awaitable[Answer]],
        *,
        stream: bool = False,
    ) -> Answer:
        started = time.perf_counter()
        identifier = authorization = None
        for key, value in context.invocation_metadata() or ():
            if key == REQUEST_ID:
                identifier = str(value)
            elif key == "authorization":
                authorization = str(value)
        identifier = identifier or uuid.uuid4().hex
        telemetry.request_id.set(identifier)
        context.set_trailing_metadata(((REQUEST_ID, identifier),))
        code = "OK"
        self._in_flight[stream] += 1
        try:
            if self._in_flight[stream] > self._max_in_flight:
                raise ResourceExhausted(
                    reasons.TOO_BUSY,
                    f"this service works on {self._max_in_flight} calls at once and takes no more now",
                    metadata={"limit": str(self._max_in_flight)},
                    retry_after=RETRY_WHEN_BUSY,
                )
            caller = await self._authenticator.authorize(authorization, behavior)
            if message is not None:
                self._rules.check(message)
            with self._span(name, identifier):
                return await body(Call(caller, identifier, context))
        except DropmeshError as error:
            code = error.code.name
            _log_refusal(name, error)
            await _abort(context, error, identifier)
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED.name
            raise
        except Exception as fault:
            code = grpc.StatusCode.INTERNAL.name
            log.exception("a call failed in a way nobody thought of", extra={"method": name})
            await _abort(context, _Fault(identifier), identifier)
            raise AssertionError("unreachable") from fault
        finally:
            self._in_flight[stream] -= 1
            self._requests(name, code).inc()
            self._latency(name).observe(time.perf_counter() - started)

    def _span(self, name: str, identifier: str) -> AbstractContextManager[Any]:
        if self._tracer is None:
            return NO_SPAN
        span: AbstractContextManager[Any] = self._tracer.start_as_current_span(
            name, attributes={"request.id": identifier}
        )
        return span


class _Checked:
    """A stream of requests with its first message, which was looked at, put back."""

    def __init__(self, first: Any, rest: AsyncIterator[Any]) -> None:
        self._first = first
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[Any]:
        if self._first is not None:
            yield self._first
            self._first = None
            async for message in self._rest:
                yield message


class _Fault(DropmeshError):
    code = grpc.StatusCode.INTERNAL

    def __init__(self, identifier: str) -> None:
        super().__init__(
            reasons.INTERNAL_FAULT,
            f"something unexpected happened; the log tells more under request id {identifier}",
            metadata={"request_id": identifier},
        )


class _NotImplemented(DropmeshError):
    code = grpc.StatusCode.UNIMPLEMENTED


async def _not_implemented(_request: object, _call: Call) -> Any:
    raise _NotImplemented(reasons.NOT_IMPLEMENTED, "this method is not built yet")


def error_status(error: DropmeshError) -> status_pb2.Status:
    """The error as google.rpc.Status: one ErrorInfo, the field violations, and when to retry."""
    info = error_details_pb2.ErrorInfo(
        reason=reasons.ErrorReason.Name(error.reason), domain=ERROR_DOMAIN, metadata=error.metadata
    )
    details: list[Message] = [info]
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.description)
        details.append(bad)
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(error.retry_after)
        details.append(retry)
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _log_refusal(method: str, error: DropmeshError) -> None:
    """What a caller is refused can be found by its request id; what is no fault of a caller's stands out."""
    ours = isinstance(error, (Unavailable, StoreFull, DataLoss))
    more = {"cause": error.cause} if isinstance(error, StoreUnavailable) else {}
    log.log(
        logging.WARNING if ours else logging.INFO,
        error.message,
        extra={"method": method, "reason": reasons.ErrorReason.Name(error.reason), **more},
    )


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: DropmeshError, identifier: str) -> None:
    metadata: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", error_status(error).SerializeToString()),
        (REQUEST_ID, identifier),
        *error.headers.items(),
    ]
    if error.http_status is not None:
        metadata.append((HTTP_STATUS, str(error.http_status)))
    if error.retry_after is not None:
        metadata.append(("retry-after", str(max(1, round(error.retry_after.total_seconds())))))
    await context.abort(error.code, error.message, tuple(metadata))


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
