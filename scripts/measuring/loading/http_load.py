"""A load generator that costs little, since it shares its machine with what it measures.

Prepared requests go out on a schedule whether or not earlier ones were answered, and a latency counts from the moment
when its request was due: an overloaded service cannot hide that it makes callers wait.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# As a fleet has: with few, requests would wait here for the answers to others.
CONNECTIONS = 128
GIVE_UP_SECONDS = 15.0
UNANSWERED = 0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The HTTP status (0: none) and the latency of each request, in order."""

    statuses: NDArray[np.int64]
    latencies_seconds: NDArray[np.float64]
    seconds: float

    def percentile(self, percent: float) -> float:
        """A percentile of the latencies in seconds; what was never answered counts as infinite."""
        return float(np.percentile(self.latencies_seconds, percent, method="higher"))

    def count(self, status: int) -> int:
        """How many requests were answered so."""
        return int((self.statuses == status).sum())

    @property
    def answered_per_second(self) -> float:
        """Answers by the time that they took together."""
        return float((self.statuses != UNANSWERED).sum()) / self.seconds


def send_load(
    port: int,
    requests: Sequence[bytes],
    *,
    per_second: float | None,
    connections: int = CONNECTIONS,
    patience_seconds: float = GIVE_UP_SECONDS,
) -> LoadResult:
    """Sends each request once, at a rate, or with None as fast as the connections answer."""
    return _Load(port, requests, per_second, connections, patience_seconds).run()


class _Load:
    def __init__(
        self, port: int, requests: Sequence[bytes], per_second: float | None, connections: int, patience: float
    ) -> None:
        self._port = port
        self._patience = patience
        self._requests = requests
        self._pause = 0.0 if per_second is None else 1 / per_second
        self._statuses = np.zeros(len(requests), np.int64)
        self._latencies = np.full(len(requests), np.inf)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._idle: deque[int] = deque()
        # By file descriptor: the request under way, when it was due, and what came of its answer.
        self._pending: dict[int, tuple[int, float, bytes]] = {}
        for _ in range(connections):
            self._connect()

    def run(self) -> LoadResult:
        started = time.perf_counter()
        following, total = 0, len(self._requests)
        last_answer = started
        while following < total or self._pending:
            now = time.perf_counter()
            due = started + following * self._pause
            while following < total and self._idle and due <= now:
                self._send(following, due if self._pause else now)
                following += 1
                due = started + following * self._pause
            waits_for_time = following < total and bool(self._idle)
            timeout = min(max(due - time.perf_counter(), 0.0), 0.5) if waits_for_time else 0.5
            for descriptor, _ in self._poll.poll(timeout):
                self._receive(descriptor)
                last_answer = time.perf_counter()
            if self._pending and time.perf_counter() - last_answer > self._patience:
                break
        seconds = time.perf_counter() - started
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()
        return LoadResult(self._statuses, self._latencies, seconds)

    def _connect(self) -> None:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=GIVE_UP_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets[connection.fileno()] = connection
        self._poll.register(connection.fileno(), select.EPOLLIN)
        self._idle.append(connection.fileno())

    def _send(self, number: int, due: float) -> None:
        descriptor = self._idle.popleft()
        self._pending[descriptor] = (number, due, b"")
        try:
            self._sockets[descriptor].sendall(self._requests[number])
        except OSError:
            self._drop(descriptor)

    def _receive(self, descriptor: int) -> None:
        try:
            chunk = self._sockets[descriptor].recv(65536)
        except OSError:
            chunk = b""
        if not chunk:
            self._drop(descriptor)
            return
        if descriptor not in self._pending:
            return
        number, due, before = self._pending[descriptor]
        answer = before + chunk
        if not _is_whole(answer):
            self._pending[descriptor] = (number, due, answer)
            return
        del self._pending[descriptor]
        self._statuses[number] = int(answer[9:12])
        self._latencies[number] = time.perf_counter() - due
        self._idle.append(descriptor)

    def _drop(self, descriptor: int) -> None:
        self._pending.pop(descriptor, None)
        if descriptor in self._idle:
            self._idle.remove(descriptor)
        self._poll.unregister(descriptor)
        self._sockets.pop(descriptor).close()
        self._connect()


def _is_whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return b"transfer-encoding: chunked" not in head or answer.endswith(b"\r\n0\r\n\r\n")
    return len(answer) - end - 4 >= int(head[at + 15 :].split(b"\r\n", 1)[0])
