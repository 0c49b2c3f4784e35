"""Measurements as files for analytics, made page by page, so that memory stays flat however many there are."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from dropmesh.v1 import query_service_pb2

from services.common.base.timestamps import format_timestamp
from services.common.drops.measurements import Measurement
from services.common.drops.names import measurement_name

Request = query_service_pb2.ExportMeasurementsRequest

COLUMNS = (
    "time",
    "source",
    "count",
    "mean",
    "population_stddev",
    "sample_stddev",
    "min",
    "max",
    "receipt",
    "receive_time",
    "process_time",
)


class Writer(Protocol):
    """Turns measurements into the bytes of a file, in order."""

    def write(self, page: Sequence[Measurement]) -> bytes:
        """Returns the bytes of some more rows."""
        ...

    def finish(self) -> bytes:
        """Returns the last bytes of the file."""
        ...


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A kind of file."""

    extension: str
    content_type: str
    open: Callable[[str], Writer]
    """Makes a writer; names are as the owner that is given sees them."""


class CsvWriter:
    """RFC 4180, with a header line; floats in the shortest text that reads back as the same bits."""

    def __init__(self, _viewer: str) -> None:
        self._header = ",".join(COLUMNS) + "\r\n"

    def write(self, page: Sequence[Measurement]) -> bytes:
        """See `Writer`."""
        text = io.StringIO()
        text.write(self._header)
        self._header = ""
        for one in page:
            sample = "" if one.sample_stddev is None else repr(one.sample_stddev)
            text.write(
                f"{format_timestamp(one.time_ns)},{one.source},{one.count},{one.mean!r},{one.population_stddev!r},{sample},"
                f"{one.min!r},{one.max!r},receipts/{one.receipt},"
                f"{format_timestamp(one.receive_time_ns)},{format_timestamp(one.process_time_ns)}\r\n"
            )
        return text.getvalue().encode()

    def finish(self) -> bytes:
        """See `Writer`."""
        return self.write(())


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, viewer: str) -> None:
        self._viewer = viewer

    def write(self, page: Sequence[Measurement]) -> bytes:
        """See `Writer`."""
        return b"".join(orjson.dumps(_row(one, self._viewer), option=orjson.OPT_APPEND_NEWLINE) for one in page)

    def finish(self) -> bytes:
        """See `Writer`."""
        return b""


def _row(one: Measurement, viewer: str) -> dict[str, Any]:
    return {
        "name": measurement_name(one.owner, one.source, one.time_ns, viewer),
        "time": format_timestamp(one.time_ns),
        "source": one.source,
        "count": one.count,
        "mean": one.mean,
        "population_stddev": one.population_stddev,
        "sample_stddev": one.sample_stddev,
        "min": one.min,
        "max": one.max,
        "receipt": f"receipts/{one.receipt}",
        "receive_time": format_timestamp(one.receive_time_ns),
        "process_time": format_timestamp(one.process_time_ns),
    }


def _open_parquet(_viewer: str) -> Writer:
    # Imported where it is asked for: it takes 60 MB of the process.
    from services.query.drops.export_parquet import ParquetWriter

    return ParquetWriter()


CSV = ExportFormat("csv", "text/csv; charset=utf-8", CsvWriter)
NDJSON = ExportFormat("ndjson", "application/x-ndjson", NdjsonWriter)
PARQUET = ExportFormat("parquet", "application/vnd.apache.parquet", _open_parquet)
_FORMATS = {Request.FORMAT_UNSPECIFIED: CSV, Request.CSV: CSV, Request.NDJSON: NDJSON, Request.PARQUET: PARQUET}


def export_format(asked: Request.Format.ValueType) -> ExportFormat:
    """The kind of file that was asked for."""
    return _FORMATS[asked]


async def exported(
    pages: AsyncIterator[Sequence[Measurement]], form: ExportFormat, viewer: str
) -> AsyncIterator[bytes]:
    """The file's bytes in chunks; at least one, also of a file without measurements."""
    writer = await asyncio.to_thread(form.open, viewer)
    async for page in pages:
        if chunk := await asyncio.to_thread(writer.write, page):
            yield chunk
    yield await asyncio.to_thread(writer.finish)
