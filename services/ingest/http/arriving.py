"""A request whose body did not come together with its headers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Any

from services.common.base.errors import DropmeshError
from services.common.rpc.call import Call
from services.common.rpc.http1.receiving import Receiving


class ArrivingRequest:
    """The connection is paused until the request is awaited, which is once its caller is known and has a place."""

    def __init__(
        self, request: Any, field: str, call: Call, receiving: Receiving, pause: Callable[[bool], None]
    ) -> None:
        self._request = request
        self._field = field
        self._call = call
        self._receiving = receiving
        self._pause = pause
        self._pieces: list[bytes] = []
        self._size_bytes = self._counted_bytes = 0
        self._is_wanted = False
        self._whole: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        pause(True)

    def __await__(self) -> Generator[Any, Any, Any]:
        self._is_wanted = True
        self._count()
        self._pause(False)
        return self._whole.__await__()

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Adds the next bytes."""
        if self._whole.done():
            return
        self._pieces += pieces
        self._size_bytes += sum(map(len, pieces))
        if self._is_wanted:
            self._count()

    def end(self) -> None:
        """Marks the body as complete."""
        if not self._whole.done():
            getattr(self._request, self._field).data = b"".join(self._pieces)
            self._pieces.clear()
            self._whole.set_result(self._request)

    def fail(self, error: DropmeshError) -> None:
        """Ends the wait for the rest with an error."""
        if not self._whole.done():
            self._pieces.clear()
            self._whole.set_exception(error)
            # The method may have ended already, and does not ask for it.
            self._whole.exception()

    def discard(self) -> None:
        """Drops what came and what still comes: its method has ended."""
        self._pieces.clear()
        self._whole.cancel()
        self._receiving.give_back(self._call.holder, self._counted_bytes)
        self._counted_bytes = 0
        self._pause(False)

    def _count(self) -> None:
        more_bytes = self._size_bytes - self._counted_bytes
        try:
            self._receiving.take(self._call.holder, more_bytes)
        except DropmeshError as error:
            # Its traceback leads to the bytes that were just read, and would keep them as long as the future.
            self.fail(error.with_traceback(None))
        else:
            self._counted_bytes += more_bytes
