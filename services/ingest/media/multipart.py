"""multipart/form-data as a stream of events, without I/O: feed chunks in, get events out.

Part data is handed on as the parser sees it, uncopied where a chunk lies wholly inside one part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from services.common.media.refusals import BodyInterrupted, MultipartMalformed

_MAX_BOUNDARY: Final = 70  # RFC 2046, 5.1.1


@dataclass(frozen=True, slots=True)
class MultipartLimits:
    """Bounds on what one body may make this process hold; the data of parts is bounded by who stores it."""

    max_parts: int = 1000
    max_headers: int = 16
    max_header_bytes: int = 8192
    max_field_bytes: int = 65536


@dataclass(frozen=True, slots=True)
class Field:
    """A form field, whole."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part with a file name begins; its data follows, then PartEnd."""

    name: str
    file_name: str


@dataclass(frozen=True, slots=True)
class PartData:
    """Some bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part that began last is complete."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class End:
    """The closing boundary was seen: the body is whole."""


MultipartEvent = Field | PartBegin | PartData | PartEnd | End


def boundary_of(content_type: str) -> str:
    """The boundary that a multipart/form-data content type names; raises MultipartMalformed without a usable one."""
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data":
        raise MultipartMalformed("the content type must be multipart/form-data")
    boundary: str = options.get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        raise MultipartMalformed(f"the content type needs a boundary of 1 to {_MAX_BOUNDARY} printable characters")
    return boundary


class MultipartStream:
    """One body, fed chunk by chunk.

    Consume each `feed` wholly before the next. Call `close` when the body has ended: it raises if that was too early.
    After any error the stream is dead.
    """

    def __init__(self, boundary: str, limits: MultipartLimits) -> None:
        self._limits = limits
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=limits.max_header_bytes,
            max_header_count=limits.max_headers,
            max_segment_count=limits.max_parts,
        )
        self._name = ""
        self._size_bytes = 0
        self._value: bytearray | None = None
        self._ended = False

    def feed(self, chunk: bytes) -> Iterator[MultipartEvent]:
        """The events that one chunk completes."""
        if not chunk or self._ended:
            return
        try:
            for item in self._parser.parse(chunk):
                if isinstance(item, bytes | bytearray):
                    if self._value is None:
                        self._size_bytes += len(item)
                        yield PartData(item if isinstance(item, bytes) else bytes(item))
                    else:
                        self._extend_value(self._value, item)
                elif item is None:
                    yield PartEnd(self._size_bytes) if self._value is None else self._field(self._value)
                else:
                    self._name = item.name or ""
                    self._size_bytes = 0
                    self._value = bytearray() if item.filename is None else None
                    if item.filename is not None:
                        yield PartBegin(self._name, item.filename)
        except ParserLimitReached as error:
            raise MultipartMalformed(self._limit_passed(error)) from error
        except MultipartError as error:
            raise MultipartMalformed(str(error)) from error

    def close(self) -> End:
        """The body has ended: its last event, or BodyInterrupted if the closing boundary never came."""
        self._ended = True
        try:
            self._parser.close()
        except MultipartError as error:
            raise BodyInterrupted from error
        return End()

    def _extend_value(self, value: bytearray, data: bytes | bytearray) -> None:
        if len(value) + len(data) > self._limits.max_field_bytes:
            raise MultipartMalformed(
                f"the field {self._name!r} is larger than the limit (max_field_bytes = {self._limits.max_field_bytes})"
            )
        value += data

    def _field(self, value: bytearray) -> Field:
        try:
            return Field(self._name, value.decode())
        except UnicodeDecodeError as error:
            raise MultipartMalformed(f"the field {self._name!r} is not UTF-8") from error

    def _limit_passed(self, error: ParserLimitReached) -> str:
        limits = self._limits
        return (
            f"{error} (max_parts = {limits.max_parts}, max_headers = {limits.max_headers}, "
            f"max_header_bytes = {limits.max_header_bytes})"
        )
