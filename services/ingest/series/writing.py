"""Chunks on their way into the objects, before a series names them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

from services.common.objects import Objects
from services.common.series.chunks import encoded_chunk
from services.common.series.model import Chunk, Series, chunk_key, chunk_points
from services.common.series.points import Points
from services.ingest.series.formats.checking import in_chunks

PUTS_AT_ONCE = 3


class UnnamedObjects:
    """Objects that no series names yet: deleted when the block ends, unless a series names them or may do so."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._keys: list[str] = []

    async def __aenter__(self) -> UnnamedObjects:
        """Begins with none."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Deletes those that are left."""
        await self.forget(self._keys)

    def added(self, key: str) -> str:
        """Notes an object that is about to be written, and returns its key."""
        self._keys.append(key)
        return key

    async def forget(self, keys: Sequence[str]) -> None:
        """Deletes some; what cannot be deleted now, the sweep finds."""
        gone = frozenset(keys)
        self._keys = [key for key in self._keys if key not in gone]
        with suppress(Exception):
            await self._objects.delete(sorted(gone))

    @asynccontextmanager
    async def naming(self) -> AsyncIterator[Callable[[], None]]:
        """Around the write that names them; its success is reported by a call of what is yielded.

        Where the write fails in any other way than by a plain no, it may have been applied all the same: they stay.
        """
        keys, self._keys = self._keys, []
        applied = False

        def named() -> None:
            nonlocal applied
            applied = True

        yield named
        if not applied:
            self._keys = keys


async def written_chunks(
    objects: Objects, series: Series, points: Iterable[Points], first_tick: int, unnamed: UnnamedObjects
) -> tuple[Chunk, ...]:
    """Encodes points in a thread, and puts the chunks while the next ones are encoded."""
    encoder = _Encoder(series, points, first_tick)
    chunks: list[Chunk] = []
    puts: set[asyncio.Task[object]] = set()
    try:
        while (encoded := await asyncio.to_thread(encoder.next)) is not None:
            chunk, data = encoded
            chunks.append(chunk)
            puts.add(asyncio.create_task(objects.put(unnamed.added(chunk.object_key), data)))
            if len(puts) >= PUTS_AT_ONCE:
                done, puts = await asyncio.wait(puts, return_when=asyncio.FIRST_COMPLETED)
                for put in done:
                    put.result()
    finally:
        # None of them may be written after it was deleted.
        ended = await asyncio.gather(*puts, return_exceptions=True)
    for result in ended:
        if isinstance(result, BaseException):
            raise result
    return tuple(chunks)


class _Encoder:
    """The chunks of a series one after the other, each made when it is asked for."""

    def __init__(self, series: Series, points: Iterable[Points], first_tick: int) -> None:
        self._series = series
        self._names = [channel.name for channel in series.channels]
        self._parts: Iterator[Points] = in_chunks(points, chunk_points(len(self._names)), len(self._names))
        self._tick = first_tick

    def next(self) -> tuple[Chunk, bytes] | None:
        points = next(self._parts, None)
        if points is None:
            return None
        data = encoded_chunk(points, self._names)
        key = chunk_key(self._series.id, self._series.revision)
        tick = 0 if self._series.spacing_hz is None else self._tick
        self._tick += len(points)
        return Chunk(key, len(points), len(data), int(points.times_ns[0]), int(points.times_ns[-1]), tick), data
