"""Calls of servicer methods without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from services.common.rpc.call import Call
from services.common.rpc.identity import Caller, Scope

T = TypeVar("T")
ANN = Caller("ann", "ann", frozenset({Scope.READ, Scope.WRITE}))
BOB = Caller("bob", "bob", frozenset({Scope.READ, Scope.WRITE}))


def call_of(caller: Caller = ANN, **headers: str) -> Call:
    """A call with these headers, underscores standing for dashes."""
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Call(given, lambda: False, caller, "request")


def answered(call: Call) -> dict[str, str]:
    """The status and headers that a call was answered with."""
    status = {} if call.http_status is None else {"x-http-code": str(call.http_status)}
    return {**status, **call.answer_headers}


async def stream(*messages: T) -> AsyncIterator[T]:
    """Messages of a client's stream."""
    for message in messages:
        yield message
