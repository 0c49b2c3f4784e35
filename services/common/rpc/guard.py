"""Wraps every method of every service: request id, load, token, limits, errors and metrics, each in one place.

It wraps a servicer's methods once, when the service starts, instead of intercepting each call: that costs less. A
servicer method takes (request, call) and raises a DropmeshError.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from datetime import timedelta
from functools import cache
from typing import Any

from dropmesh.v1 import behavior_pb2
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from services.common.base import telemetry
from services.common.base.errors import (
    Code,
    DataLoss,
    DropmeshError,
    InvalidArgument,
    ResourceExhausted,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
    Unavailable,
)
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import REQUEST_ID, Call, Places
from services.common.rpc.identity import ANYONE
from services.common.rpc.methods import Method, Undecodable
from services.common.rpc.request_rules import Rules
from services.common.tracing import TRACEPARENT, Tracing

RETRY_WHEN_BUSY = timedelta(seconds=1)
# One that waits keeps its place for long.
RETRY_TO_WAIT = timedelta(seconds=5)
# Envoy appends the address that it saw to those that the client names.
FORWARDED_FOR = "x-forwarded-for"
# A stream of requests may last longer than its token.
ADMITTED_SECONDS = 1.0
READER = Behavior(scope=Behavior.READ)
log = logging.getLogger(__name__)


class Guard:
    """Wraps servicers; one for each service."""

    def __init__(
        self,
        authenticator: Authenticator,
        metrics: telemetry.Metrics,
        *,
        max_in_flight: int,
        max_waits: int = 4096,
        shared: bool = False,
        tracing: Tracing | None = None,
    ) -> None:
        """With `shared`, one caller may hold at most half of the places of each kind."""
        self._authenticator = authenticator
        self._tracing = tracing or Tracing()
        self._rules = Rules()

        def places(setting: str, limit: int, retry_after: timedelta) -> Places:
            return Places(setting, limit, retry_after, max(1, limit // 2) if shared else limit)

        # Streams may last long: they do not take the places of calls that work, nor watchers those of downloads.
        self._calls = places("max_in_flight", max_in_flight, RETRY_WHEN_BUSY)
        self._streams = places("max_in_flight", max_in_flight, RETRY_WHEN_BUSY)
        self._waits = places("max_waits", max_waits, RETRY_TO_WAIT)
        # A call without a token, through an invite's link for example, takes no place of a token's holder.
        self._guests = places("a quarter of max_in_flight", max(1, max_in_flight // 4), RETRY_WHEN_BUSY)
        in_flight = (self._calls, self._streams, self._guests)
        metrics.in_flight.set_function(lambda: sum(one.taken for one in in_flight))
        metrics.waiting.set_function(lambda: self._waits.taken)
        # A metric takes longer to find its labels than to count.
        self._requests = cache(metrics.requests.labels)
        self._latency = cache(metrics.latency.labels)

    def methods(self, service: ServiceDescriptor, *servicers: object) -> tuple[Method, ...]:
        """A service's methods, implemented by any of the servicers; a missing one is UNIMPLEMENTED."""
        return tuple(self._method(method, servicers) for method in service.methods)

    def _method(self, method: MethodDescriptor, servicers: Sequence[object]) -> Method:
        behavior = method.GetOptions().Extensions[behavior_pb2.behavior]
        having = (getattr(servicer, method.name) for servicer in servicers if hasattr(servicer, method.name))
        body: Any = next(having, _missing_stream if method.server_streaming else _missing)
        name = method.full_name
        streams = self._waits if behavior.waits else self._streams

        async def unary(request: Any, call: Call) -> Any:
            with _Watch(self, name, call):
                await self._admit(behavior, call, self._calls)
                if isinstance(request, Awaitable):
                    request = await request
                self._check(request)
                with self._span(name, call):
                    return await body(request, call)

        async def client_stream(requests: AsyncIterator[Any], call: Call) -> Any:
            with _Watch(self, name, call):
                # First of all: a client that sends nothing, or may not call at all, is not waited for.
                await self._admit(behavior, call, streams)
                with self._span(name, call):
                    first = await anext(aiter(requests), None)
                    if first is not None:
                        self._check(first)
                    return await body(_with_first(first, requests), call)

        async def server_stream(request: Any, call: Call) -> AsyncIterator[Any]:
            with _Watch(self, name, call):
                await self._admit(behavior, call, streams)
                if isinstance(request, Awaitable):
                    request = await request
                self._check(request)
                with self._span(name, call):
                    async with aclosing(body(request, call)) as answers:
                        async for answer in answers:
                            yield answer

        async def both_stream(requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
            with _Watch(self, name, call):
                await self._admit(behavior, call, streams)
                with self._span(name, call):
                    async with aclosing(body(self._checked(requests, behavior, call), call)) as answers:
                        async for answer in answers:
                            yield answer

        if method.client_streaming:
            return Method(method, both_stream if method.server_streaming else client_stream)
        return Method(method, server_stream if method.server_streaming else unary)

    @asynccontextmanager
    async def watching(self, name: str, call: Call) -> AsyncIterator[None]:
        """Admits a stream that is no method of the contract, for who may read."""
        with _Watch(self, name, call):
            await self._admit(READER, call, self._waits)
            yield

    def prepare(self) -> None:
        """Loads what the first call would wait for; called once the service serves, it does not delay the start."""
        self._rules.prepare()

    async def recognize(self, authorization: str | None) -> None:
        """Raises Unauthenticated for a header that holds no token of this mesh."""
        await self._authenticator.recognize(authorization)

    def enter(self, call: Call) -> None:
        """Gives a call that begins its request id."""
        call.request_id = call.header(REQUEST_ID) or uuid.uuid4().hex
        telemetry.request_id.set(call.request_id)

    def leave(self, name: str, code: str, seconds: float, call: Call) -> None:
        """Counts a call that ended."""
        if call.places is not None:
            call.places.give_back(call.holder)
        self._requests(name, code).inc()
        self._latency(name).observe(seconds)

    async def _admit(self, behavior: Behavior, call: Call, places: Places) -> None:
        """Finds out who calls, then takes a place: a caller that is unknown takes none."""
        call.caller = await self._authenticator.authorize(call.header("authorization"), behavior)
        call.holder = call.caller.subject
        if call.caller is ANYONE:
            call.holder = (call.header(FORWARDED_FOR) or "").rpartition(",")[2].strip()
            places = self._guests
        if not places.take(call.holder):
            raise self._too_busy(places)
        call.places, call.waits = places, self._waits

    def _too_busy(self, places: Places) -> ResourceExhausted:
        kind = "requests that wait" if places is self._waits else "requests"
        is_full = places.taken >= places.limit
        limit = places.limit if is_full else places.share
        of = f"limit {limit}, {places.setting}" if is_full else f"limit {limit} for one caller of {places.setting}"
        return ResourceExhausted(
            reasons.TOO_BUSY,
            f"too many concurrent {kind} ({of}); retry after {places.retry_after.seconds} s",
            metadata={"limit": str(limit)},
            retry_after=places.retry_after,
        )

    def _check(self, request: Any) -> None:
        if isinstance(request, Undecodable):
            raise request.refusal()
        self._rules.check(request)

    async def _checked(
        self, requests: AsyncIterator[Any], behavior: Behavior, call: Call
    ) -> AsyncIterator[Any | InvalidArgument]:
        """The requests of a stream with an answer to each; in place of a wrong one, its error.

        A token that expires or is revoked ends the stream.
        """
        admitted = time.monotonic()
        async for request in requests:
            now = time.monotonic()
            if now - admitted > ADMITTED_SECONDS:
                call.caller = await self._authenticator.authorize(call.header("authorization"), behavior)
                admitted = now
            try:
                self._check(request)
            except InvalidArgument as refusal:
                yield refusal
            else:
                yield request

    def _span(self, name: str, call: Call) -> AbstractContextManager[None]:
        parent = (call.header(TRACEPARENT) or "") if self._tracing.is_on else ""
        return self._tracing.call(name, parent, call.request_id)


class _Watch:
    """Counts and times one call, logs its failure, and makes a DropmeshError of each exception."""

    __slots__ = ("_call", "_guard", "_name", "_started")

    def __init__(self, guard: Guard, name: str, call: Call) -> None:
        self._guard = guard
        self._name = name
        self._call = call

    def __enter__(self) -> None:
        self._started = time.perf_counter()
        self._guard.enter(self._call)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        code = Code.OK
        try:
            if isinstance(error, DropmeshError):
                code = error.code
                _log_refusal(self._name, error)
            elif isinstance(error, (asyncio.CancelledError, GeneratorExit)):
                code = Code.CANCELLED
            elif isinstance(error, Exception):
                code = _Fault.code
                log.error("unexpected exception in an RPC handler", exc_info=error, extra={"method": self._name})
                raise _Fault(self._call.request_id) from error
        finally:
            seconds = time.perf_counter() - self._started
            self._guard.leave(self._name, code.name, seconds, self._call)


async def _with_first(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """A stream of requests whose first message was already read."""
    if first is not None:
        yield first
        # Not held for as long as the stream lasts.
        del first
        async for message in rest:
            if isinstance(message, Undecodable):
                raise message.refusal()
            yield message


class _Fault(DropmeshError):
    code = Code.INTERNAL

    def __init__(self, identifier: str) -> None:
        super().__init__(
            reasons.INTERNAL_FAULT,
            f"internal error; the service's log has the cause under request id {identifier}",
            metadata={"request_id": identifier},
        )


class _NotImplemented(DropmeshError):
    code = Code.UNIMPLEMENTED


async def _missing(_request: object, _call: Call) -> Any:
    raise _NotImplemented(reasons.NOT_IMPLEMENTED, "this method is not implemented")


async def _missing_stream(request: object, call: Call) -> AsyncIterator[Any]:
    yield await _missing(request, call)


def _log_refusal(method: str, error: DropmeshError) -> None:
    """Logs a refusal under its request id; a warning where the fault is not the caller's.

    The message of a caller's own fault may quote what was sent, so the log has its reason alone.
    """
    ours = isinstance(error, (Unavailable, StoreFull, DataLoss))
    more = {"cause": error.cause} if isinstance(error, (StoreUnavailable, StoreCorrupt)) else {}
    log.log(
        logging.WARNING if ours else logging.INFO,
        error.message if ours else "a call was refused",
        extra={"method": method, "reason": reasons.ErrorReason.Name(error.reason), **more},
    )
