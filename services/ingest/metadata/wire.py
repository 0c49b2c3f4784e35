"""What a metadata reader and its worker process say to each other over a socket.

The worker, whose parsers may be taken over by a hostile media, is trusted with nothing: it answers in JSON, and may ask
only for ranges of the one media.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
from enum import IntEnum
from operator import attrgetter
from typing import Any, Final

import orjson

from services.common.media.refusals import DamagedMedia, TooManyPixels
from services.common.media.types import MEDIA_TYPE_BY_FORMAT, MediaType
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MediaMetadata, MetadataReading

HEADER: Final = struct.Struct("!BI")
RANGE: Final = struct.Struct("!QI")
MAX_MESSAGE_BYTES: Final = 4 * 2**20
HEAD_BYTES: Final = 64 * 1024
_METADATA: Final = tuple(field.name for field in dataclasses.fields(MediaMetadata))
_values = attrgetter(*_METADATA)


class Tag(IntEnum):
    """What a message is."""

    REQUEST = 1
    RANGE = 2
    BYTES = 3
    ANSWER = 4


def send(channel: socket.socket, tag: Tag, payload: bytes) -> None:
    """Send one message."""
    channel.sendall(packed(tag, payload))


def receive(channel: socket.socket) -> tuple[Tag, bytes]:
    """Receive one message; EOFError when the other side is gone, ValueError when it makes no sense."""
    tag, size = opened(_exactly(channel, HEADER.size))
    return tag, bytes(_exactly(channel, size))


def packed(tag: Tag, payload: bytes) -> bytes:
    """One message as it is sent."""
    return HEADER.pack(tag, len(payload)) + payload


def opened(header: bytes | bytearray) -> tuple[Tag, int]:
    """What a message is, and the size of its payload, from its first bytes; ValueError when they make no sense."""
    tag, size = HEADER.unpack_from(header)
    if size > MAX_MESSAGE_BYTES:
        raise ValueError("a message is too long")
    return Tag(tag), size


def encode_request(media_type: MediaType, size_bytes: int, limits: MediaLimits, head: bytes) -> bytes:
    """One media to read, with its first bytes: of most media they are all that it takes."""
    return orjson.dumps([media_type.format, size_bytes, limits]) + b"\n" + head


def decode_request(payload: bytes) -> tuple[MediaType, int, MediaLimits, bytes]:
    """The inverse of `encode_request`."""
    request, _, head = payload.partition(b"\n")
    name, size_bytes, limits = orjson.loads(request)
    return MEDIA_TYPE_BY_FORMAT[name], size_bytes, MediaLimits(**limits), head


def encode_reading(reading: MetadataReading) -> bytes:
    """What a worker found."""
    metadata = dict(zip(_METADATA, _values(reading.metadata), strict=True))
    return json.dumps({"metadata": metadata, "warnings": reading.warnings}).encode()


def encode_refusal(refusal: DamagedMedia | TooManyPixels) -> bytes:
    """Why a worker refused."""
    if isinstance(refusal, DamagedMedia):
        return json.dumps({"damaged": refusal.problem}).encode()
    return json.dumps({"limit_pixels": refusal.limit_pixels, "pixels": refusal.pixels}).encode()


def decode_answer(payload: bytes, media_type: MediaType) -> MetadataReading:
    """The reading that a worker sent, or its refusal raised; on nonsense KeyError, TypeError or ValueError."""
    answer: dict[str, Any] = json.loads(payload)
    if "damaged" in answer:
        raise DamagedMedia(media_type.format, str(answer["damaged"]))
    if "limit_pixels" in answer:
        raise TooManyPixels(answer["limit_pixels"], answer["pixels"])
    metadata: dict[str, Any] = answer["metadata"]
    if not all(value is None or isinstance(value, str | int | float) for value in metadata.values()):
        raise TypeError("metadata are plain values")
    return MetadataReading(MediaMetadata(**metadata), tuple(str(warning) for warning in answer["warnings"]))


def _exactly(channel: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if count == 0:
            raise EOFError("the other side is gone")
        view = view[count:]
    return data
