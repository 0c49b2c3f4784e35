"""Calls of servicer methods without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar, cast

import grpc

from services.common.rpc.call import Call
from services.common.rpc.identity import Caller, Scope

T = TypeVar("T")
ANN = Caller("ann", "ann", frozenset({Scope.READ, Scope.WRITE}))
BOB = Caller("bob", "bob", frozenset({Scope.READ, Scope.WRITE}))


class Context:
    """What a method sees of gRPC: the headers of its caller, and those that it answers with."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self.answered: dict[str, str] = {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._headers.items())

    def cancelled(self) -> bool:
        return False

    async def send_initial_metadata(self, metadata: Iterable[tuple[str, str]]) -> None:
        self.answered.update(metadata)


def call_of(caller: Caller = ANN, **headers: str) -> Call:
    """A call with these headers, underscores standing for dashes."""
    context = Context({name.replace("_", "-"): value for name, value in headers.items()})
    return Call(caller, "request", cast(grpc.aio.ServicerContext[Any, Any], context))


def answered(call: Call) -> dict[str, str]:
    """The status and headers that a call was answered with."""
    return cast(Context, call.context).answered


async def stream(*messages: T) -> AsyncIterator[T]:
    """Messages of a client's stream."""
    for message in messages:
        yield message
