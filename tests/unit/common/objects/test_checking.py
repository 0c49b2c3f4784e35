from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from services.common.base.errors import ObjectDamaged
from services.common.objects import Objects
from services.common.objects.checking import check, part, whole

DATA = b"0123456789"
SHA256 = hashlib.sha256(DATA).hexdigest()


class Held:
    """One object, which gives three bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        end = len(self._data) if length is None else min(offset + length, len(self._data))
        for start in range(offset, end, 3):
            yield self._data[start : min(start + 3, end)]


def held(data: bytes) -> Objects:
    return cast(Objects, Held(data))


@pytest.mark.parametrize("data", [b"", b"01", DATA])
async def test_whole_bytes_come_as_they_are(data: bytes) -> None:
    chunks = whole(held(data), "key", len(data), hashlib.sha256(data).hexdigest())
    assert b"".join([chunk async for chunk in chunks]) == data


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data + b"x", lambda data: b"x" + data[1:]]
)
async def test_damaged_bytes_never_come_to_their_end(damage: Callable[[bytes], bytes]) -> None:
    sent = bytearray()

    async def read() -> None:
        async for chunk in whole(held(damage(DATA)), "key", len(DATA), SHA256):
            sent.extend(chunk)

    with pytest.raises(ObjectDamaged):
        await read()
    assert len(sent) < len(DATA)
    with pytest.raises(ObjectDamaged):
        await check(held(damage(DATA)), "key", len(DATA), SHA256)


async def test_a_part_that_ends_too_soon_is_damaged() -> None:
    assert b"".join([chunk async for chunk in part(held(DATA), "key", 2, 5)]) == DATA[2:7]
    with pytest.raises(ObjectDamaged):
        _ = [chunk async for chunk in part(held(DATA[:4]), "key", 2, 5)]
