"""The parts of the archive: the rows of one owner in one table and one day, as one Parquet object."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import AsyncIterator, Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch.archive.tables import Row, Table
from services.common.objects import Objects

PREFIX = "archive/"
# Rows wait as Python values up to this many; then they are columns, which take a tenth of the memory.
_ROWS_TOGETHER = 2000
_SEGMENT_MOST = 200


async def partitions(table: Table, rows: AsyncIterator[Row]) -> dict[str, pa.Table]:
    """The rows by owner, in an order that is the same for the same rows."""
    waiting: dict[str, list[Row]] = {}
    columns: dict[str, list[pa.Table]] = {}
    async for row in rows:
        some = waiting.setdefault(row["owner"], [])
        some.append(row)
        if len(some) == _ROWS_TOGETHER:
            columns.setdefault(row["owner"], []).append(pa.Table.from_pylist(some, table.schema))
            some.clear()
    for owner, some in waiting.items():
        columns.setdefault(owner, []).append(pa.Table.from_pylist(some, table.schema))
    return {owner: _sorted(pa.concat_tables(parts)) for owner, parts in sorted(columns.items())}


async def store_part(objects: Objects, table: Table, day: str, owner: str, rows: pa.Table) -> tuple[str, int]:
    """Stores a part, unless it is there already; returns its key and its size."""
    data = await asyncio.to_thread(_as_parquet, rows)
    digest = hashlib.sha256(data).hexdigest()[:32]
    key = f"{PREFIX}{table.name}/{day}/{segment(owner)}/{digest}.parquet"
    if await objects.stat(key) is None:
        await objects.put(key, data)
    return key, len(data)


def segment(owner: str) -> str:
    """An owner as a part of a key: letters, digits, dots and hyphens as they are, other bytes as _ and two digits."""
    quoted = re.sub(rb"[^A-Za-z0-9.-]", lambda found: b"_%02X" % found[0][0], owner.encode()).decode()
    is_plain = len(quoted) <= _SEGMENT_MOST and quoted.strip(".")
    return quoted if is_plain else f"_sha256_{hashlib.sha256(owner.encode()).hexdigest()}"


def _sorted(rows: pa.Table) -> pa.Table:
    keys: Iterable[str] = (name for name in rows.column_names if not pa.types.is_list(rows.schema.field(name).type))
    return rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in keys]))


def _as_parquet(rows: pa.Table) -> bytes:
    output = io.BytesIO()
    pq.write_table(rows, output, compression="zstd")
    return output.getvalue()
