"""The work of a plain store of photos: hash, size in pixels, a durable file, and a durable row before the answer."""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from scripts.measuring.loading.references.group_commit import GroupCommit

SCHEMA = """
CREATE TABLE IF NOT EXISTS photos (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, size_bytes INTEGER, width INTEGER, height INTEGER,
    create_time TEXT NOT NULL
);
"""
# Markers of JPEG that hold the size: SOF0 to SOF15, without DHT, JPG and DAC.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Photos:
    """Takes photos."""

    def __init__(self) -> None:
        self._commits, self._put = _stores()

    async def keep(self, content: bytes) -> bytes:
        """The answer to a photo, once it is durable; raises ValueError for what is none."""
        width, height = _pixels(content)
        name, created = uuid.uuid4().hex, datetime.now(UTC).isoformat()
        # Disk work off the event loop, as such a service has to.
        sha256 = await asyncio.to_thread(self._store, name, content)
        await self._commits.write((name, sha256, len(content), width, height, created))
        photo = {"name": name, "sha256": sha256, "size_bytes": len(content), "width": width, "height": height}
        return orjson.dumps({**photo, "create_time": created})

    def _store(self, name: str, content: bytes) -> str:
        self._put(name, content)
        return hashlib.sha256(content).hexdigest()


def _stores() -> tuple[Any, Callable[[str, bytes], None]]:
    """Where rows are written and where bytes are put."""
    if "REFERENCE_MONGODB" not in os.environ:
        return GroupCommit(SCHEMA, "INSERT OR IGNORE INTO photos VALUES (?, ?, ?, ?, ?, ?)"), _put_file
    from scripts.measuring.loading.references.server_commit import Bucket, MongoCommit

    return MongoCommit(photos=("_id", "sha256", "size_bytes", "width", "height", "create_time")), Bucket().put


def _put_file(name: str, content: bytes) -> None:
    folder = Path(os.environ["REFERENCE_FOLDER"])
    part = folder / f"{name}.part"
    with part.open("xb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())
    part.rename(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _pixels(content: bytes) -> tuple[int, int]:
    at = 2
    while content[:2] == b"\xff\xd8" and at + 9 <= len(content):
        if content[at + 1] in FRAMES:
            return int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7])
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    raise ValueError("no JPEG")
