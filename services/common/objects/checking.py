"""Stored bytes beside the length and the hash that the catalog knows of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from services.common.base.errors import ObjectDamaged
from services.common.objects import Objects, hashing


async def whole(objects: Objects, key: str, size_bytes: int, sha256: str) -> AsyncIterator[bytes]:
    """All bytes of an object; raises ObjectMissing, or ObjectDamaged instead of the last chunk if these are others."""
    digest, left = hashlib.sha256(), size_bytes
    last = b""
    async for chunk in objects.read(key):
        if last:
            yield last
        last = chunk
        left -= len(chunk)
        if left < 0:
            raise ObjectDamaged(key)
        await hashing.update(digest, chunk)
    if left or digest.hexdigest() != sha256:
        raise ObjectDamaged(key)
    yield last


async def part(objects: Objects, key: str, start: int, length: int) -> AsyncIterator[bytes]:
    """A part of an object; raises ObjectMissing, or ObjectDamaged where it ends too soon."""
    left = length
    async for chunk in objects.read(key, start, length):
        left -= len(chunk)
        yield chunk
    if left:
        raise ObjectDamaged(key)


async def check(objects: Objects, key: str, size_bytes: int, sha256: str) -> None:
    """Reads an object to its end; raises ObjectMissing or ObjectDamaged."""
    async for _ in whole(objects, key, size_bytes, sha256):
        pass


async def fetch(objects: Objects, key: str, target: Path, sha256: str) -> None:
    """Puts the bytes of an object into a file, as `Objects.fetch` does; raises ObjectMissing or ObjectDamaged."""
    await objects.fetch(key, target)
    if await sha256_of(target) != sha256:
        raise ObjectDamaged(key)


async def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    return await asyncio.to_thread(_digest, path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
