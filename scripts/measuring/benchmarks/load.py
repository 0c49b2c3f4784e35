"""A cheap load generator for HTTP/1.1: prepared requests on connections that stay open, timed one by one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Answers a second, and the latency of the slowest in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int

    def __str__(self) -> str:
        return f"{self.per_second:8.0f}/s  p50 {self.p50_ms:6.2f} ms  p99 {self.p99_ms:6.2f} ms  failed {self.failed}"


class Answers(asyncio.Protocol):
    """One connection: sends the request again as soon as it is answered."""

    def __init__(self, request: bytes, until: float, seconds: list[float], done: asyncio.Future[None]) -> None:
        self.request = request
        self.until = until
        self.seconds = seconds
        self.done = done
        self.failed = 0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Counts a whole answer and goes on."""
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self.buffer = b""
        now = time.perf_counter()
        self.seconds.append(now - self.started)
        self.failed += not head.startswith(b"HTTP/1.1 2")
        if now < self.until:
            self._send()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Ends a connection that the other side closed."""
        if not self.done.done():
            self.failed += 1
            self.done.set_result(None)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def get_request(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def measure_http(port: int, request: bytes, *, connections: int, seconds: float) -> Rate:
    """Sends one request again and again on so many connections for so long."""
    loop = asyncio.get_running_loop()
    timings: list[float] = []
    until = time.perf_counter() + seconds
    protocols = [Answers(request, until, timings, loop.create_future()) for _ in range(connections)]
    started = time.perf_counter()
    for protocol in protocols:
        await loop.create_connection(lambda protocol=protocol: protocol, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(protocol.done for protocol in protocols))
    return rate(timings, time.perf_counter() - started, sum(protocol.failed for protocol in protocols))


def rate(timings: list[float], seconds: float, failed: int) -> Rate:
    """The figures of a run."""
    ordered = sorted(timings)
    if not ordered:
        return Rate(0, 0, 0, failed)
    return Rate(
        len(ordered) / seconds,
        ordered[len(ordered) // 2] * 1000,
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000,
        failed,
    )
