"""The objects port: bytes under a key, in a directory or in S3.

The promise:
- No half object is ever visible: a key shows nothing until `commit` returned or was about to, and then all of it.
- Committed means durable: the bytes survive kill -9 and power loss from the moment `commit` returns.
- Callers choose unique keys (with a nonce in them), and write one again only with the very same bytes, to repair it. A
  reader of a key that is written again sees the bytes before or after, to their end.
- Memory stays flat: nothing here holds a whole object, in either direction.
- An object that was begun and never committed is invisible; a `sweep` removes those older than the given age.
- Deleting a missing key succeeds. A store that cannot be reached raises `StoreUnavailable`; a full one `StoreFull`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """A committed object."""

    key: str
    size_bytes: int
    modified_ns: int


class ObjectWriter(Protocol):
    """One object on its way in; exactly one of `commit` and `abort` ends it, and `abort` after either is harmless."""

    async def write(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes; returns when there is room for more."""
        ...

    async def commit(self) -> ObjectInfo:
        """Makes the object visible and durable."""
        ...

    async def abort(self) -> None:
        """Forgets the bytes written so far."""
        ...


class Objects(Protocol):
    """See the module's promise. A key is one or more segments of [A-Za-z0-9._-] joined by '/'."""

    async def create(self, key: str) -> ObjectWriter:
        """Begins an object under a new key."""
        ...

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """Stores bytes that are in memory, as `create`, one `write` and `commit` would: all of them or nothing."""
        ...

    async def stat(self, key: str) -> ObjectInfo | None:
        """The committed object of this key, if there is one."""
        ...

    def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The object's bytes from `offset`, at most `length`, in chunks of up to 1 MiB; `ObjectMissing` without it."""
        ...

    async def fetch(self, key: str, target: Path) -> None:
        """Puts the bytes into a file, for code that needs a path; it may be a hard link: do not write to it."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Removes objects."""
        ...

    async def list(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> Sequence[ObjectInfo]:
        """Committed objects whose key starts with `prefix`, in the order of their keys, after a key."""
        ...

    async def sweep(self, older_than: timedelta) -> int:
        """Removes what was begun longer ago than that and never committed; returns how many."""
        ...

    async def presign(self, key: str, *, expires: timedelta, content_type: str, content_disposition: str) -> str | None:
        """An address from which anyone can download the object for a while; None where the store cannot give one."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...
