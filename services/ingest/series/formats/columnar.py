"""A series as Arrow IPC (stream or file) or Parquet: columns of numbers, and one of times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.common.series.points import Times, Values
from services.ingest.series.formats.body import BLOCK_POINTS, Block, ParsedBody, RawBody
from services.ingest.series.formats.npy_body import as_float64
from services.ingest.series.formats.refusals import SeriesRefused, too_many_points, unreadable
from services.ingest.series.formats.times import instants, parsed_times

ARROW, PARQUET = "arrow", "parquet"
ARROW_FILE_MAGIC = b"ARROW1"
ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"
PARQUET_MAGIC = b"PAR1"
MOST_CHANNELS = 64
TIME_NAMES = frozenset({"time", "timestamp", "_time"})
# What bytes may grow to when they are decompressed.
MOST_UNCOMPRESSED_BYTES = 1024 * 1024 * 1024
FAULTS = (pa.ArrowException, OSError, MemoryError, ValueError, NotImplementedError, KeyError, TypeError, IndexError)


def parse_arrow(raw: RawBody) -> ParsedBody:
    """Reads the schema, and the batches as they are asked for."""
    file = raw.opened()
    try:
        if raw.start(len(ARROW_FILE_MAGIC)) == ARROW_FILE_MAGIC:
            whole = pa.ipc.open_file(file)
            schema, batches = whole.schema, (whole.get_batch(at) for at in range(whole.num_record_batches))
        else:
            stream = pa.ipc.open_stream(file)
            schema, batches = stream.schema, iter(stream)
    except FAULTS as error:
        file.close()
        raise unreadable(ARROW, _said(error)) from None
    return _parsed(ARROW, schema, batches, file, raw)


def parse_parquet(raw: RawBody, most_points: int) -> ParsedBody:
    """Reads the footer, and the row groups as they are asked for."""
    file = raw.opened()
    try:
        parquet = pq.ParquetFile(file, pre_buffer=False, memory_map=False)
        metadata = parquet.metadata
        if metadata.num_rows > most_points:
            raise too_many_points("a body", most_points)
        grown = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
        if grown > MOST_UNCOMPRESSED_BYTES:
            raise unreadable(PARQUET, f"{grown} bytes once decompressed (limit {MOST_UNCOMPRESSED_BYTES})")
        schema = parquet.schema_arrow
        batches = parquet.iter_batches(batch_size=BLOCK_POINTS, use_threads=False)
    except SeriesRefused:
        file.close()
        raise
    except FAULTS as error:
        file.close()
        raise unreadable(PARQUET, _said(error)) from None
    return _parsed(PARQUET, schema, batches, file, raw)


def _parsed(
    form: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], file: pa.NativeFile, raw: RawBody
) -> ParsedBody:
    try:
        time, channels = _columns(form, schema)
        names = tuple(schema.field(at).name for at in channels)
    except SeriesRefused:
        file.close()
        raise
    except UnicodeDecodeError:
        file.close()
        raise unreadable(form, "the name of a column is not UTF-8") from None
    return ParsedBody(names, time is not None, _blocks(form, batches, time, channels, names, file, raw))


def _columns(form: str, schema: pa.Schema) -> tuple[int | None, list[int]]:
    if len(schema) > MOST_CHANNELS + 1 or len(set(schema.names)) != len(schema):
        raise unreadable(form, f"it has more than {MOST_CHANNELS + 1} columns, or two of one name")
    times = [
        at for at, field in enumerate(schema) if pa.types.is_timestamp(field.type) or field.name.lower() in TIME_NAMES
    ]
    if len(times) > 1:
        raise unreadable(form, "it has several columns of times")
    channels = [at for at in range(len(schema)) if at not in times]
    for at in channels:
        kind = schema.field(at).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise unreadable(form, f"column {schema.field(at).name[:100]!r} is {kind}; it must be numbers")
    if times:
        kind = schema.field(times[0]).type
        if not (pa.types.is_timestamp(kind) or kind in (pa.int64(), pa.string(), pa.large_string())):
            raise unreadable(form, f"column {schema.field(times[0]).name[:100]!r} is {kind}; it must be timestamps")
    if not channels:
        raise unreadable(form, "it has no column of numbers")
    return (times[0] if times else None), channels


def _blocks(
    form: str,
    batches: Iterable[pa.RecordBatch],
    time: int | None,
    channels: list[int],
    names: tuple[str, ...],
    file: pa.NativeFile,
    raw: RawBody,
) -> Iterator[Block]:
    first_index = 0
    with closing(file):
        try:
            for batch in batches:
                batch.validate(full=True)
                for start in range(0, batch.num_rows, BLOCK_POINTS):
                    part = batch.slice(start, BLOCK_POINTS)
                    times = None if time is None else _times(part.column(time), first_index)
                    columns = zip(channels, names, strict=True)
                    yield Block(times, tuple(_values(part.column(at), name, first_index) for at, name in columns))
                    first_index += part.num_rows
                    raw.give_back()
        except SeriesRefused:
            raise
        except FAULTS as error:
            raise unreadable(form, _said(error)) from None


def _times(array: pa.Array, first_index: int) -> Times:
    if pa.types.is_timestamp(array.type):
        # One without a time zone is taken for UTC.
        return instants(array, first_index)
    if pa.types.is_integer(array.type):
        return instants(array.cast(pa.timestamp("ns", tz="UTC")), first_index)
    return parsed_times(array, first_index)


def _values(array: pa.Array, name: str, first_index: int) -> Values:
    if array.null_count == 0:
        return as_float64(array.to_numpy(zero_copy_only=False), name, first_index)
    is_missing = array.is_null().to_numpy(zero_copy_only=False)
    values = as_float64(array.fill_null(0).to_numpy(zero_copy_only=False), name, first_index).copy()
    values[is_missing] = np.nan
    return values


def _said(error: BaseException) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
