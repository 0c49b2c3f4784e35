"""Metadata read in processes of their own, so that a hostile media costs a process and never the service."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

from services.common.media.refusals import DamagedMedia
from services.common.media.types import MediaType
from services.ingest.metadata import wire
from services.ingest.metadata.limits import MediaLimits, check_size
from services.ingest.metadata.media_metadata import MetadataReading

WORKER_LOST: Final = "reading it takes too much time or memory"
"""What DamagedMedia tells of a media whose worker did not survive it."""

Source = Callable[[int, int], Awaitable[bytes]]
"""A media's bytes, by an offset and how many; fewer only at its end."""

_CHUNK_BYTES: Final = 64 * 1024
_MEDIA_PER_WORKER: Final = 2000  # Then a fresh one: what a library leaks does not add up.
# A worker's CPU time is bounded by itself; this is for one that does nothing at all.
_SILENT_SECONDS: Final = 60.0


class MetadataReader:
    """Reads metadata in up to `workers` processes, which are started when they are first needed.

    Many may `read` at once; more than `workers` wait for each other. A worker that a media crashes, or that passes its
    bound of memory or CPU time, is replaced, and the media is refused as damaged.
    """

    def __init__(self, limits: MediaLimits, workers: int, silent_seconds: float = _SILENT_SECONDS) -> None:
        self._limits = limits
        self._silent_seconds = silent_seconds
        self._turns = asyncio.BoundedSemaphore(workers)
        self._idle: list[tuple[float, _Worker]] = []
        self._closed = False

    async def read(self, source: Source, size_bytes: int, media_type: MediaType) -> MetadataReading:
        """Read the media in `source`, of which ranges are read as they are needed.

        Raises MediaTooLarge and DamagedMedia; what `source` itself raises passes through.
        """
        check_size(media_type.kind, size_bytes, self._limits)
        async with self._turns:
            worker = self._take_idle()
            if worker is None:
                worker = await asyncio.to_thread(_Worker, self._silent_seconds)
            try:
                return await worker.read(source, size_bytes, media_type, self._limits)
            finally:
                self._give_back(worker)

    def close(self) -> None:
        """Stop the workers; those that still read stop after it."""
        self._closed = True
        idle, self._idle = self._idle, []
        for _, worker in idle:
            worker.stop()

    def retire_idle(self, seconds: float) -> None:
        """Stop workers that had nothing to read for so long."""
        before = time.monotonic() - seconds
        retired = [worker for since, worker in self._idle if since <= before]
        self._idle = [(since, worker) for since, worker in self._idle if since > before]
        for worker in retired:
            worker.stop()

    def _take_idle(self) -> _Worker | None:
        while self._idle:
            _, worker = self._idle.pop()
            # Where memory runs out, the kernel ends them first, whatever they do.
            if worker.is_alive:
                return worker
            worker.stop()
        return None

    def _give_back(self, worker: _Worker) -> None:
        if worker.usable and not self._closed:
            self._idle.append((time.monotonic(), worker))
        else:
            worker.stop()


class _WorkerLost(Exception):
    pass


class _Worker:
    def __init__(self, silent_seconds: float) -> None:
        self._silent_seconds = silent_seconds
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # Nothing is imported from the folder where the mesh was started (-P).
                [sys.executable, "-P", "-m", "services.ingest.metadata.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ.get("PATH", "")},
            )
        self._channel.setblocking(False)
        self._reads_left = _MEDIA_PER_WORKER
        self._in_step = True

    @property
    def usable(self) -> bool:
        return self._in_step and self._reads_left > 0

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    async def read(
        self, source: Source, size_bytes: int, media_type: MediaType, limits: MediaLimits
    ) -> MetadataReading:
        head = await source(0, min(wire.HEAD_BYTES, size_bytes))
        self._in_step = False
        self._reads_left -= 1
        try:
            tag, payload = await self._tell(wire.Tag.REQUEST, wire.encode_request(media_type, size_bytes, limits, head))
            while tag is not wire.Tag.ANSWER:
                offset, count = wire.RANGE.unpack(payload)
                tag, payload = await self._tell(
                    wire.Tag.BYTES, await source(offset, min(count, wire.MAX_MESSAGE_BYTES))
                )
        except _WorkerLost as error:
            raise DamagedMedia(media_type.format, WORKER_LOST) from error
        self._in_step = True
        return wire.decode_answer(payload, media_type)

    def stop(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    async def _tell(self, tag: wire.Tag, payload: bytes) -> tuple[wire.Tag, bytes]:
        """What the worker says to a message."""
        loop = asyncio.get_running_loop()
        patience = loop.call_later(self._silent_seconds, self._channel.shutdown, socket.SHUT_RDWR)
        # Apart from what the media's source raises, which may be a ConnectionError too.
        try:
            await loop.sock_sendall(self._channel, wire.packed(tag, payload))
            return await self._receive()
        except ConnectionError as error:
            raise _WorkerLost from error
        finally:
            patience.cancel()

    async def _receive(self) -> tuple[wire.Tag, bytes]:
        came = bytearray()
        await self._receive_until(came, wire.HEADER.size)
        tag, size = wire.opened(came)
        await self._receive_until(came, wire.HEADER.size + size)
        return tag, bytes(came[wire.HEADER.size :])

    async def _receive_until(self, came: bytearray, size: int) -> None:
        # Neither side sends again before the other has: what comes belongs to this message.
        while len(came) < size:
            chunk = await asyncio.get_running_loop().sock_recv(self._channel, _CHUNK_BYTES)
            if not chunk:
                raise _WorkerLost
            came += chunk
