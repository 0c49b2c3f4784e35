"""Metadata read in processes of their own, so that a hostile media costs a process and never the service."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import BinaryIO, Final

from services.ingest.media_errors import DamagedMedia
from services.ingest.metadata import wire
from services.ingest.metadata.limits import MediaLimits, check_size
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.sniff import MediaType

WORKER_LOST: Final = "reading it takes too much time or memory"
"""What DamagedMedia tells of a media whose worker did not survive it."""

_MEDIA_PER_WORKER: Final = 2000  # Then a fresh one: what a library leaks does not add up.


class MetadataReader:
    """Reads metadata in up to `workers` processes, which are started when they are first needed.

    `read` blocks, and may be called from many threads at once; more than `workers` wait for each other. A worker that a
    media crashes, or that passes its bound of memory or CPU time, is replaced, and the media is refused as damaged.
    """

    def __init__(self, limits: MediaLimits, workers: int) -> None:
        self._limits = limits
        self._turns = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[tuple[float, _Worker]] = []
        self._closed = False

    def read(self, file: BinaryIO, size_bytes: int, media_type: MediaType) -> MetadataReading:
        """Read the media in `file`, of which ranges are read as they are needed.

        Raises MediaTooLarge and DamagedMedia; what `file` itself raises passes through.
        """
        check_size(media_type.kind, size_bytes, self._limits)
        with self._turns:
            worker = self._take()
            try:
                reading = worker.read(file, size_bytes, media_type, self._limits)
            finally:
                self._give_back(worker)
            return reading

    def close(self) -> None:
        """Stop the workers; call it when no read is under way."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, worker in idle:
            worker.stop()

    def retire_idle(self, seconds: float) -> None:
        """Stop workers that had nothing to read for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            retired = [worker for since, worker in self._idle if since <= before]
            self._idle = [(since, worker) for since, worker in self._idle if since > before]
        for worker in retired:
            worker.stop()

    def _take(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError("the metadata reader is closed")
            if self._idle:
                return self._idle.pop()[1]
        return _Worker()

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            keep = worker.usable and not self._closed
            if keep:
                self._idle.append((time.monotonic(), worker))
        if not keep:
            worker.stop()


class _WorkerLost(Exception):
    pass


class _Worker:
    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.ingest.metadata.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ.get("PATH", "")},
            )
        self._reads_left = _MEDIA_PER_WORKER
        self._in_step = True

    @property
    def usable(self) -> bool:
        return self._in_step and self._reads_left > 0

    def read(self, file: BinaryIO, size_bytes: int, media_type: MediaType, limits: MediaLimits) -> MetadataReading:
        file.seek(0)
        head = file.read(wire.HEAD_BYTES)
        self._in_step = False
        self._reads_left -= 1
        try:
            self._send(wire.Tag.REQUEST, wire.encode_request(media_type, size_bytes, limits, head))
            while True:
                tag, payload = self._receive()
                if tag is wire.Tag.ANSWER:
                    break
                offset, count = wire.RANGE.unpack(payload)
                file.seek(offset)
                self._send(wire.Tag.BYTES, file.read(min(count, wire.MAX_MESSAGE_BYTES)))
        except _WorkerLost as error:
            raise DamagedMedia(media_type.format, WORKER_LOST) from error
        self._in_step = True
        return wire.decode_answer(payload, media_type)

    def stop(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    # Apart from what the media's file raises, which may be a ConnectionError too.
    def _send(self, tag: wire.Tag, payload: bytes) -> None:
        try:
            wire.send(self._channel, tag, payload)
        except ConnectionError as error:
            raise _WorkerLost from error

    def _receive(self) -> tuple[wire.Tag, bytes]:
        try:
            return wire.receive(self._channel)
        except (EOFError, ConnectionError) as error:
            raise _WorkerLost from error
