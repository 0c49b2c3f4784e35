"""The frames between a parent and its child. The parent checks kind, sizes and job before it keeps a byte.

A frame is a header, a text (JSON) and a content (raw bytes).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAX_RANGE_BYTES: Final = 4 * 2**20
"""The most bytes of its parent's content that a child may ask for at once."""

_HEADER: Final = struct.Struct("!BIIQ")
HEADER_BYTES: Final = _HEADER.size


class Kind(IntEnum):
    """The kinds of frames."""

    START = 1
    RUN = 2
    CANCEL = 3
    BYTES = 4

    READY = 10
    PROGRESS = 11
    RANGE = 12
    DONE = 13
    REFUSED = 14
    FAILED = 15
    OUT_OF_MEMORY = 16


class Misbehaviour(Exception):
    """A child sent what no sound child sends."""


class Silence(Exception):
    """A child sent nothing in time."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `job` is the number of the job that it belongs to."""

    kind: Kind
    job: int
    text: bytes = b""
    content: bytes = b""


MAX_REFUSAL_BYTES: Final = 128 * 2**10
_FIXED_TEXT_LIMITS: Final = {
    Kind.READY: 0,
    Kind.PROGRESS: 64,
    Kind.RANGE: 64,
    Kind.REFUSED: MAX_REFUSAL_BYTES,
    Kind.FAILED: MAX_REFUSAL_BYTES,
    Kind.OUT_OF_MEMORY: 0,
}


def answer_limits(text_bytes: int, content_bytes: int) -> Mapping[int, tuple[int, int]]:
    """The kinds of frames that a child may send, with the most bytes of text and content that each may have."""
    return {**{kind: (limit, 0) for kind, limit in _FIXED_TEXT_LIMITS.items()}, Kind.DONE: (text_bytes, content_bytes)}


def pack(kind: Kind, job: int, text: bytes = b"", content: bytes | memoryview = b"") -> bytes:
    """A frame as it travels."""
    return b"".join((_HEADER.pack(kind, job, len(text), len(content)), text, content))


def check_header(header: bytes | bytearray, limits: Mapping[int, tuple[int, int]]) -> tuple[Kind, int, int, int]:
    """A child's header: kind, job, bytes of text, bytes of content; raises Misbehaviour where one is not allowed."""
    kind, job, text_bytes, content_bytes = _HEADER.unpack_from(header)
    if kind not in limits:
        raise Misbehaviour("unknown kind of frame")
    most_text, most_content = limits[kind]
    if text_bytes > most_text or content_bytes > most_content:
        raise Misbehaviour(f"a frame of more than {most_text} + {most_content} bytes")
    return Kind(kind), job, text_bytes, content_bytes


def receive(connection: socket.socket) -> Frame | None:
    """Wait for a frame, in a child, which trusts its parent; None once the parent is gone."""
    header = _receive_exactly(connection, HEADER_BYTES)
    if header is None:
        return None
    kind, job, text_bytes, content_bytes = _HEADER.unpack(header)
    text = _receive_exactly(connection, text_bytes)
    content = _receive_exactly(connection, content_bytes)
    return None if text is None or content is None else Frame(Kind(kind), job, text, content)


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    received = bytearray(size)
    view = memoryview(received)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            return None
        view = view[count:]
    return bytes(received)
