"""One connection of the edge to an HTTP door, as far as the doors are alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Self, cast

import httptools

log = logging.getLogger(__name__)


class EdgeConnection(asyncio.Protocol):
    """Has a door's subclass called back for each part of a request, of which one follows the other.

    `connections` holds those that are open, and `tasks` the calls under way.
    """

    _transport: asyncio.Transport

    def __init__(self, connections: set[Self], tasks: set[asyncio.Task[None]]) -> None:
        self._connections: set[Any] = connections
        self._tasks = tasks
        self._is_last = False
        self._writable: asyncio.Future[None] | None = None
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The edge connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The edge hung up, as it does when its client did."""
        self.resume_writing()
        self._connections.discard(self)
        # It refers to this connection, which would stay until the garbage collector comes by.
        del self._parser

    def pause_writing(self) -> None:
        """The edge reads more slowly than an answer is written."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            log.exception("unexpected exception while a request was read")
            self._transport.close()
        except httptools.HttpParserError:
            self._transport.close()

    def finish(self) -> None:
        """Takes no more requests; one under way is answered first."""
        self._is_last = True
        self._close_after_last()

    def _is_idle(self) -> bool:
        """Whether no request is under way."""
        raise NotImplementedError

    def _begin(self, answering: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("unexpected exception while a request was answered", exc_info=error)
            # Else the edge would wait for an answer.
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _close_after_last(self) -> None:
        if self._is_last and self._is_idle():
            self._transport.close()
