"""A series as CSV: an optional header line, an optional first column of times, and a column for each channel.

The separator is a comma; where the first line has none, a semicolon or a tab. Without a column of times the place of a
line gives its instant, so an empty line is a missing value of each channel; before a header and after the last value
empty lines mean nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from services.common.base.timestamps import TimestampRefused, parse_timestamp
from services.common.series.points import Times, Values
from services.ingest.series.formats.body import EXACT_INTEGERS, Block, ParsedBody, RawBody, reaches
from services.ingest.series.formats.refusals import bad_time, bad_value, empty_series, inexact_integer, unreadable
from services.ingest.series.formats.times import parsed_times

FORMAT = "csv"
BLOCK_BYTES = 4 * 1024 * 1024
MOST_COLUMNS = 65
SEPARATORS = (",", ";", "\t")
TIME_NAMES = frozenset({"time", "timestamp", "timestamps", "_time"})
GAPS = ["", "NaN", "nan", "NAN", "null", "NULL"]
_START_BYTES = 256 * 1024
_END_BYTES = 64 * 1024


def parse_csv(raw: RawBody) -> ParsedBody:
    """Looks at the first line, then reads block by block."""
    cells, separator, first_at = _first_line(raw)
    has_header = not any(_is_number(cell) or _is_instant(cell) for cell in cells if cell)
    has_times = cells[0].strip().lower() in TIME_NAMES if has_header else _is_instant(cells[0])
    if len(cells) > MOST_COLUMNS:
        raise unreadable(FORMAT, f"{len(cells)} columns; a series has at most 64 channels")
    if has_times and len(cells) == 1:
        raise unreadable(FORMAT, "it has only a column of times")
    names: list[str | None] = [(cell.strip() or None) if has_header else None for cell in cells]
    return ParsedBody(
        tuple(names[1:] if has_times else names),
        has_times,
        _blocks(raw, first_at if has_header else 0, separator, names, has_header, has_times),
    )


def _first_line(raw: RawBody) -> tuple[list[str], str, int]:
    """Returns the cells of the first line that is not empty, the separator, and the byte that the line begins at."""
    start = raw.start(_START_BYTES)
    first_at = len(start) - len(start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    try:
        text = start[first_at:].decode("utf-8", "ignore" if len(start) == _START_BYTES else "strict")
    except UnicodeDecodeError:
        raise unreadable(FORMAT, "it is not UTF-8") from None
    line = text.splitlines()[:1]
    separator = next((one for one in SEPARATORS if line and one in line[0]), SEPARATORS[0])
    try:
        cells = next(csv.reader(line, delimiter=separator), [])
    except csv.Error as error:
        raise unreadable(FORMAT, str(error)) from None
    if not cells or "\0" in line[0]:
        raise empty_series()
    return cells, separator, first_at


def _end(raw: RawBody) -> int:
    """The byte after the last value and one line end."""
    end = raw.size_bytes
    while tail := raw.data[max(0, end - _END_BYTES) : end]:
        if kept := tail.rstrip(b"\r\n"):
            return min(raw.size_bytes, end - len(tail) + len(kept) + 1)
        end -= len(tail)
    return end


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _is_instant(cell: str) -> bool:
    try:
        parse_timestamp(cell.strip())
    except TimestampRefused:
        return False
    return True


def _blocks(
    raw: RawBody, begin: int, separator: str, names: list[str | None], has_header: bool, has_times: bool
) -> Iterator[Block]:
    columns = len(names)
    keys = [str(place) for place in range(columns)]
    # As text: a value that is not a number is then found with its place, and read as float64 a block at a time.
    options = arrow_csv.ConvertOptions(column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False)
    reading = arrow_csv.ReadOptions(
        use_threads=False, block_size=BLOCK_BYTES, column_names=keys, skip_rows=1 if has_header else 0
    )
    parsing = arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=False, ignore_empty_lines=has_times)
    first_index = 0
    try:
        with raw.opened(begin, _end(raw)) as file, arrow_csv.open_csv(file, reading, parsing, options) as reader:
            for batch in reader:
                times = _times(batch.column(0), first_index) if has_times else None
                found = range(1 if has_times else 0, columns)
                yield Block(times, tuple(_values(batch.column(at), names[at] or "value", first_index) for at in found))
                first_index += batch.num_rows
                raw.give_back()
    except pa.ArrowInvalid as error:
        # A header, and nothing after it.
        if "Empty CSV" in str(error) or str(error).endswith("no data rows"):
            return
        raise unreadable(FORMAT, str(error)[:300]) from None


def _values(texts: pa.Array, name: str, first_index: int) -> Values:
    texts = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(texts, value_set=pa.array(GAPS))
    has_gaps = bool(pc.any(missing).as_py())
    if has_gaps:
        texts = pc.if_else(missing, pa.scalar(None, pa.string()), texts)
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        for index, text in enumerate(texts.to_pylist()):
            if text is not None and not _is_number(text):
                raise bad_value(first_index + index, name, f"{text[:50]!r} is not a number") from None
        # What Python reads and Arrow does not, such as "1e400".
        numbers = pa.array([None if text is None else float(text) for text in texts.to_pylist()], pa.float64())
    values: Values = numbers.to_numpy(zero_copy_only=False)
    if reaches(values, EXACT_INTEGERS):
        _check_integers(texts, values, name, first_index)
    return values


def _check_integers(texts: pa.Array, values: Values, name: str, first_index: int) -> None:
    """Refuses integers beyond 2^53; the nearest of them round to 2^53."""
    large = np.flatnonzero(np.abs(values) >= EXACT_INTEGERS)
    written = texts.take(pa.array(large))
    is_inexact = pc.and_not(
        pc.match_substring_regex(written, r"^[+-]?[0-9]+$"),
        pc.match_substring_regex(written, rf"^[+-]?0*{EXACT_INTEGERS}$"),
    ).to_numpy(zero_copy_only=False)
    if is_inexact.any():
        raise inexact_integer(first_index + int(large[is_inexact.argmax()]), name)


def _times(texts: pa.Array, first_index: int) -> Times:
    texts = pc.utf8_trim_whitespace(texts)
    if len(texts) and texts[0].as_py().lstrip("-").isdecimal():
        try:
            times: Times = pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            bad = next((at for at, text in enumerate(texts.to_pylist()) if not text.lstrip("-").isdecimal()), 0)
            raise bad_time(
                first_index + bad, "takes RFC 3339 texts, or nanoseconds since the epoch, throughout"
            ) from None
        return times.astype(np.int64, copy=False)
    return parsed_times(texts, first_index)
