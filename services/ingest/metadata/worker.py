"""The process in which hostile headers are read: `python -m services.ingest.metadata.worker FD`.

It may crash, hang or swell without harm to the service: the kernel bounds its memory and its CPU time per media.
"""

from __future__ import annotations

import io
import logging
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import BinaryIO, Final, cast

from services.common.media.refusals import DamagedMedia, TooManyPixels
from services.common.media.vocabulary import MediaKind
from services.ingest.metadata import wire
from services.ingest.metadata.image import read_image
from services.ingest.metadata.video import read_video

MEMORY_BYTES: Final = 1536 * 2**20
CPU_SECONDS: Final = 5.0
_BUFFER_BYTES: Final = 256 * 1024


class RangeFile(io.RawIOBase):
    """The media, whose bytes the parent holds; its head came with the request."""

    def __init__(self, channel: socket.socket, size_bytes: int, head: bytes) -> None:
        super().__init__()
        self._channel = channel
        self._head = memoryview(head)
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move without asking for anything."""
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        if position < 0:
            raise ValueError("a position before the start")
        self._position = position
        return position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Ask the parent for the bytes at the position, beyond the head."""
        here = self._head[self._position : self._position + len(buffer)]
        if here:
            buffer[: len(here)] = here
            self._position += len(here)
            return len(here)
        count = min(len(buffer), self._size_bytes - self._position, wire.MAX_MESSAGE_BYTES)
        if count <= 0:
            return 0
        wire.send(self._channel, wire.Tag.RANGE, wire.RANGE.pack(self._position, count))
        _, data = wire.receive(self._channel)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def serve(channel: socket.socket) -> None:
    """Read one media after the other, until the parent is gone."""
    while True:
        try:
            _, payload = wire.receive(channel)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        answer = _answer(channel, payload)
        signal.setitimer(signal.ITIMER_PROF, 0)
        wire.send(channel, wire.Tag.ANSWER, answer)


def _answer(channel: socket.socket, payload: bytes) -> bytes:
    media_type, size_bytes, limits, head = wire.decode_request(payload)
    file = cast(BinaryIO, io.BufferedReader(RangeFile(channel, size_bytes, head), _BUFFER_BYTES))
    read = read_image if media_type.kind is MediaKind.IMAGE else read_video
    try:
        return wire.encode_reading(read(file, media_type, limits))
    except (DamagedMedia, TooManyPixels) as refusal:
        return wire.encode_refusal(refusal)


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides when to stop; its end of the channel closes.
    if (score := Path("/proc/self/oom_score_adj")).exists():
        score.write_text("1000")  # Where memory runs out, this process goes and not the service.
    logging.disable()  # What a library has to say about a media is an answer, not a line in the service's log.
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    _main()
