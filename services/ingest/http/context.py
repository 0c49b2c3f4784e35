"""What the guard asks of a gRPC call, said of an HTTP request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import grpc

from services.common.rpc.call import HTTP_STATUS

Pairs = Iterable[tuple[str, str | bytes]]


class Aborted(Exception):
    """The call ends with an error."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class PlainContext:
    """Collects what is answered beside the message; `is_cancelled` tells whether the caller hung up."""

    def __init__(self, metadata: list[tuple[str, str]], is_cancelled: Callable[[], bool]) -> None:
        self._metadata = metadata
        self._is_cancelled = is_cancelled
        self.status: str = "200"
        self.trailers: dict[str, Any] = {}

    def invocation_metadata(self) -> list[tuple[str, str]]:
        """The headers that are metadata."""
        return self._metadata

    def set_trailing_metadata(self, pairs: Pairs) -> None:
        """Headers of the answer."""
        self.trailers.update(pairs)

    async def send_initial_metadata(self, pairs: Pairs) -> None:
        """Headers of the answer, of which the status is one."""
        for name, value in pairs:
            if name == HTTP_STATUS:
                self.status = str(value)

    async def abort(self, code: grpc.StatusCode, message: str, pairs: Pairs) -> None:
        """Ends the call with an error."""
        self.trailers.update(pairs)
        raise Aborted(code, message)

    def cancelled(self) -> bool:
        """Whether the caller hung up."""
        return self._is_cancelled()
