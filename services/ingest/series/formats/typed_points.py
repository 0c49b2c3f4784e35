"""Typed points of gRPC messages as the bytes of an Arrow stream, so that they take the way of every other body."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from dropmesh.v1.series_pb2 import SeriesPoints

from services.common.series.chunks import points_schema
from services.common.series.model import LONE_CHANNEL
from services.ingest.series.formats.refusals import channels_differ


class TypedPoints:
    """Turns one message after the other into bytes."""

    def __init__(self, first: SeriesPoints, channels: Sequence[str]) -> None:
        count = len(first.channels)
        lone = [LONE_CHANNEL] if count == 1 else [f"channel_{place + 1}" for place in range(count)]
        names = list(channels) if len(channels) == count else lone
        self._schema = points_schema(names)
        self._has_times = bool(first.times_ns)
        if not self._has_times:
            self._schema = pa.schema(list(self._schema)[1:])
        self._sink = io.BytesIO()
        self._writer = pa.ipc.new_stream(self._sink, self._schema)

    def written(self, points: SeriesPoints) -> bytes:
        """The bytes that a message adds."""
        columns = [np.array(channel.values, np.float64) for channel in points.channels]
        times = np.array(points.times_ns, np.int64) if self._has_times else None
        lengths = {len(column) for column in columns} | ({len(times)} if times is not None else set())
        if len(lengths) != 1 or len(columns) != len(self._schema) - (times is not None):
            raise channels_differ("the same channels in each message, with values of one length", str(sorted(lengths)))
        if not self._has_times and points.times_ns:
            raise channels_differ("times_ns in each message, or in none", "both")
        arrays = [pa.array(column) for column in columns]
        if times is not None:
            arrays.insert(0, pa.array(times).cast(self._schema.field(0).type))
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        return self._taken()

    def finished(self) -> bytes:
        """The bytes that end the stream."""
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken
