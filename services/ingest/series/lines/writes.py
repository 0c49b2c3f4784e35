"""Takes InfluxDB line protocol, so that senders that know InfluxDB write series unchanged."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import InvalidArgument
from services.common.objects import Objects
from services.common.rpc.call import Call
from services.common.series.store import SeriesStore
from services.ingest.series.formats.refusals import too_large, too_many_points
from services.ingest.series.lines.parsing import (
    MOST_POINTS,
    LineKey,
    ParsedLines,
    TooManyPoints,
    parse_lines,
)
from services.ingest.series.replaced import ReplacedObjects

if TYPE_CHECKING:
    from services.common.series.points import Points
    from services.ingest.series.lines.storing import LineStoring

NO_CONTENT = 204
MOST_BYTES = 64 * 1024 * 1024
# Each takes a few milliseconds, and a call that takes longer than the edge waits would be repeated for ever.
MOST_SERIES = 2000
GZIP = b"\x1f\x8b"
# Imported with the first call: pyarrow takes 60 MB of the process.
HEAVY = "services.ingest.series.lines.storing"


class LineWrites:
    """Takes lines."""

    def __init__(
        self, store: SeriesStore, objects: Objects, replaced: ReplacedObjects, now_ns: Callable[[], int]
    ) -> None:
        self._series = store
        self._series_objects = objects
        self._replaced = replaced
        self._now_ns = now_ns
        self._storing: LineStoring | None = None

    async def WriteLines(self, request: ingest_service_pb2.WriteLinesRequest, call: Call) -> HttpBody:
        """Stores the points of lines."""
        if self._storing is None:
            module = await asyncio.to_thread(import_module, HEAVY)
            self._storing = module.LineStoring(self._series, self._series_objects, self._replaced, self._now_ns)
        parsed, points = await asyncio.to_thread(_read, request.body.data, request.precision, self._now_ns())
        await self._storing.write(call.caller, request.bucket, points)
        if parsed.first_refused is not None:
            raise _partial_write(parsed)
        call.answer_with(NO_CONTENT)
        return HttpBody()


def _read(body: bytes, precision: str, now_ns: int) -> tuple[ParsedLines, dict[LineKey, Points]]:
    import numpy as np

    from services.common.series.points import Points

    try:
        text = _unpacked(body).decode()
        parsed = parse_lines(text, precision, now_ns)
    except UnicodeDecodeError:
        raise _unreadable("body: the lines are not UTF-8") from None
    except TooManyPoints:
        raise too_many_points("a body", MOST_POINTS) from None
    if len(parsed.points) > MOST_SERIES:
        raise _too_many_series(len(parsed.points))
    points = {
        key: Points(np.array(times, np.int64), (np.array(values, np.float64),))
        for key, (times, values) in parsed.points.items()
    }
    return parsed, points


def _unpacked(body: bytes) -> bytes:
    """The lines; no line begins with the bytes that gzip begins with."""
    if not body.startswith(GZIP):
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        raise _unreadable("body: the gzip cannot be read") from None
    if len(text) > MOST_BYTES:
        raise too_large("a body", MOST_BYTES)
    if not unpacker.eof:
        raise _unreadable("body: the gzip ends early")
    return text


def _partial_write(parsed: ParsedLines) -> InvalidArgument:
    first = parsed.first_refused
    if first is None:
        raise AssertionError("a partial write has a refused line")
    kept = f"partial write: {parsed.stored_lines} lines are stored, {parsed.refused_lines} refused: "
    return InvalidArgument(
        reasons.LINES_REFUSED,
        f"{kept if parsed.stored_lines else ''}unable to parse '{first.text}': {first.problem}",
        metadata={"line": str(first.number), "refused": str(parsed.refused_lines)},
    )


def _too_many_series(count: int) -> InvalidArgument:
    return InvalidArgument(
        reasons.REQUEST_TOO_LARGE,
        f"body: points of {count} series; the limit is {MOST_SERIES}: send smaller batches",
        metadata={"limit_series": str(MOST_SERIES)},
        http_status=413,
    )


def _unreadable(message: str) -> InvalidArgument:
    return InvalidArgument(reasons.LINES_REFUSED, message, metadata={"line": "1", "refused": "0"})
