"""A body on its way in: kept as an object and hashed while it arrives, then at hand in memory or as a file."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.common.objects import Objects
from services.common.objects.piece_writer import PieceWriter
from services.ingest.series.formats.body import RawBody
from services.ingest.series.formats.refusals import empty_series, too_large

MOST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """A body whose bytes are durable."""

    raw: RawBody
    object_key: str
    sha256: str
    size_bytes: int


@asynccontextmanager
async def received_body(
    objects: Objects, key: str, chunks: AsyncIterator[bytes], folder: Path
) -> AsyncIterator[Received]:
    """Takes the bytes; what is yielded can be read until the block is left. The object stays unless it is refused."""
    digest = hashlib.sha256()
    writer = PieceWriter(objects, key, digest=digest)
    try:
        async for chunk in chunks:
            await writer.write(chunk)
            if writer.size_bytes > MOST_BYTES:
                raise too_large("a series", MOST_BYTES)
        if writer.size_bytes == 0:
            raise empty_series()
        whole = writer.whole
        await writer.end()
        await writer.commit()
    except BaseException:
        await writer.abort()
        raise
    if whole is not None:
        yield Received(RawBody(whole), key, digest.hexdigest(), len(whole))
        return
    place = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=folder))
    try:
        await objects.fetch(key, place / "body")
        raw = await asyncio.to_thread(RawBody.of_file, place / "body")
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    yield Received(raw, key, digest.hexdigest(), raw.size_bytes)
