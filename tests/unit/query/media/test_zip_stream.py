from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator

from services.query.media.zip_stream import ZipStream

TIME_NS = 1_700_000_000_000_000_000


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_an_archive_is_readable_and_stored_without_compression() -> None:
    stream = ZipStream()
    sent = b""
    for name, pieces in {"a.jpg": (b"x" * 5000, b"y"), "größe.json": (b"{}",), "empty": ()}.items():
        size_bytes = sum(map(len, pieces))
        sent += b"".join([data async for data in stream.file(name, TIME_NS, size_bytes, chunks(*pieces))])
    sent += stream.close()
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.jpg", "größe.json", "empty"]
        assert archive.read("a.jpg") == b"x" * 5000 + b"y"
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.infolist()[0].date_time == (2023, 11, 14, 22, 13, 20)


async def test_each_chunk_is_sent_before_the_next_is_read() -> None:
    stream, read = ZipStream(), list[int]()

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            read.append(number)
            yield b"z" * 1000

    sent = [len(data) async for data in stream.file("a", TIME_NS, 3000, pieces())]
    assert read == [0, 1, 2]
    # The head is beside the first chunk, and the size and checksum follow the last.
    assert all(size < 1100 for size in sent)


def test_names_that_differ_by_case_alone_are_told_apart() -> None:
    stream = ZipStream()
    names = [stream.unique_name(name) for name in ("a.jpg", "A.jpg", "a.jpg", "none", "none")]
    assert names == ["a.jpg", "A (2).jpg", "a (3).jpg", "none", "none (2)"]
