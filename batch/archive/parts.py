"""The parts of the archive: the rows of one owner in one table and one day, as one Parquet object."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch.archive.tables import Row, Table
from services.common.archive.days import Part, part_key
from services.common.objects import Objects

# Rows wait as Python values up to this many; then they are columns, which take a tenth of the memory.
_ROWS_TOGETHER = 2000


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


async def store_part(objects: Objects, table: Table, day: str, owner: str, rows: pa.Table) -> Part:
    """Stores a part, unless it is there already."""
    data = await asyncio.to_thread(_as_parquet, rows)
    key = part_key(table.name, day, owner, hashlib.sha256(data).hexdigest()[:32])
    if await objects.stat(key) is None:
        await objects.put(key, data)
    return Part(table.name, owner, key, rows.num_rows, len(data))


def _sorted(rows: pa.Table) -> pa.Table:
    keys: Iterable[str] = (name for name in rows.column_names if not pa.types.is_list(rows.schema.field(name).type))
    return rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in keys]))


def _as_parquet(rows: pa.Table) -> bytes:
    output = io.BytesIO()
    pq.write_table(rows, output, compression="zstd")
    return output.getvalue()
