"""The job's side in a child: the result of the pool's setup, and a line to the caller."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass, field
from socket import socket
from typing import Generic, TypeVar

import orjson

from services.common.workers.protocol import MAX_RANGE_BYTES, Frame, Kind, pack, receive

Context = TypeVar("Context")
PROGRESS_SECONDS = 0.1


class JobCancelled(Exception):
    """The caller is no longer interested."""


@dataclass(slots=True)
class Worker(Generic[Context]):
    """The first argument of every job."""

    context: Context
    """The result of the pool's setup, made once in the life of the child."""
    threads: int
    """How many threads the job may keep busy."""
    burst_threads: int
    """How many where it is over in a moment: those that no other job needs, as it begins, are among them."""
    _job: int
    _connection: socket
    _cancelled: bool = False
    _progressed_at: float = field(default=float("-inf"))

    def progress(self, done: int, total: int = 0) -> None:
        """Report how far the job is; a total of 0 is not known. Reports that follow too soon are left out."""
        now = time.monotonic()
        if now - self._progressed_at >= PROGRESS_SECONDS:
            self._progressed_at = now
            self._connection.sendall(pack(Kind.PROGRESS, self._job, orjson.dumps((done, total))))

    def is_cancelled(self) -> bool:
        """Whether the caller is no longer interested; a job that asks often enough is not killed for it."""
        while not self._cancelled and select.select([self._connection], [], [], 0)[0]:
            self._take(receive(self._connection))
        return self._cancelled

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the content that the caller holds: fewer than asked for at its end, and after 4 MiB."""
        asked = orjson.dumps((offset, min(count, MAX_RANGE_BYTES)))
        self._connection.sendall(pack(Kind.RANGE, self._job, asked))
        while (frame := receive(self._connection)) is not None and frame.kind is not Kind.BYTES:
            self._take(frame)
            if self._cancelled:
                raise JobCancelled
        if frame is None:
            raise JobCancelled
        return frame.content

    def _take(self, frame: Frame | None) -> None:
        self._cancelled = frame is None or (frame.kind is Kind.CANCEL and frame.job == self._job)
