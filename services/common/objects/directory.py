"""Objects in a directory of this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from io import FileIO
from pathlib import Path
from typing import TypeVar

from services.common.base.errors import DropmeshError, ObjectMissing, StoreFull, StoreUnavailable
from services.common.objects import ObjectInfo

Result = TypeVar("Result")

CHUNK_BYTES = 1024 * 1024
# So much is written before the disk is waited for: it works while the rest arrives, and a commit has little left to do.
UNSYNCED_BYTES = 32 * CHUNK_BYTES
STORE = "objects"
FOLDERS_REMEMBERED = 10_000
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DirectoryObjects:
    """An object is a file below `kept`, named by its key; what is on its way in stands in `incoming`.

    A commit is: fsync of the file, rename, fsync of the folder. Both folders are on one file system, so that the rename
    is atomic.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = folder / "kept"
        self._incoming = folder / "incoming"
        # Folders that this process knows to outlive a loss of power.
        self._durable: set[Path] = set()

    @classmethod
    async def open(cls, folder: Path) -> DirectoryObjects:
        """Makes the folders when missing."""
        objects = cls(folder)
        await _in_thread(objects._make)
        return objects

    async def create(self, key: str) -> DirectoryWriter:
        """See the port."""
        return await _in_thread(self._begin, key)

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """See the port; a single turn of a thread, since most objects are small and each turn costs."""
        return await _in_thread(self._put, key, data)

    async def stat(self, key: str) -> ObjectInfo | None:
        """See the port."""
        info = await _in_thread(_stat, key, self._path(key))
        if info is None:
            self._check_folder()
        return info

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        try:
            # One turn of a thread for both: a small object needs no other.
            file, left, chunk = await _in_thread(_open_at, self._path(key), offset, length)
        except FileNotFoundError:
            self._check_folder()
            raise ObjectMissing(key) from None
        with file:
            while chunk:
                yield chunk
                offset += len(chunk)
                left -= len(chunk)
                wanted = min(CHUNK_BYTES, left)
                chunk = await _in_thread(os.pread, file.fileno(), wanted, offset) if wanted else b""

    async def fetch(self, key: str, target: Path) -> None:
        """See the port."""
        try:
            await _in_thread(_link_or_copy, self._path(key), target)
        except FileNotFoundError:
            self._check_folder()
            raise ObjectMissing(key) from None

    async def delete(self, keys: Sequence[str]) -> None:
        """See the port."""
        await _in_thread(_remove, [self._path(key) for key in keys])

    async def list(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> Sequence[ObjectInfo]:
        """See the port."""
        return await _in_thread(self._list, prefix, after, limit)

    async def sweep(self, older_than: timedelta) -> int:
        """See the port."""
        return await _in_thread(self._sweep, time.time() - older_than.total_seconds())

    async def presign(self, key: str, **_: object) -> str | None:
        """A directory has no addresses."""
        return None

    async def close(self) -> None:
        """Nothing is held."""

    def _check_folder(self) -> None:
        """Raises StoreUnavailable where the disk of the folder is not mounted: then no object is missing."""
        if not self._kept.is_dir():
            raise StoreUnavailable(STORE, f"{self._kept} does not exist; is its disk mounted?")

    def _begin(self, key: str) -> DirectoryWriter:
        temporary = self._incoming / secrets.token_hex(16)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            self._check_folder()
            raise
        if len(self._durable) > FOLDERS_REMEMBERED:
            self._durable.clear()
        return DirectoryWriter(key, temporary, self._kept, self._path(key), self._durable, descriptor)

    def _put(self, key: str, data: bytes) -> ObjectInfo:
        writer = self._begin(key)
        try:
            return writer.put(data)
        except BaseException:
            writer.forget()
            raise

    def _make(self) -> None:
        if not self._kept.is_dir():
            self._kept.mkdir(parents=True, exist_ok=True)
            for folder in (self.folder, self.folder.parent):
                _fsync_folder(folder)
        self._incoming.mkdir(parents=True, exist_ok=True)

    def _path(self, key: str) -> Path:
        # Keys begin with a hash or an identifier: two of their characters spread them over folders.
        head, _, rest = key.rpartition("/")
        return self._kept / head / rest[:2] / rest

    def _list(self, prefix: str, after: str | None, limit: int) -> Sequence[ObjectInfo]:
        head, _, rest = prefix.rpartition("/")
        root = self._kept / head
        found = []
        for folder, folders, names in os.walk(root):
            if folder == str(root):
                folders[:] = [name for name in folders if name.startswith(rest) or name == rest[:2]]
            parent = Path(folder).relative_to(self._kept).parent
            for name in names:
                key = name if parent == Path() else f"{parent}/{name}"
                if key.startswith(prefix) and (after is None or key > after):
                    found.append(key)
        infos = (_stat(key, self._path(key)) for key in sorted(found)[:limit])
        return [info for info in infos if info is not None]

    def _sweep(self, before: float) -> int:
        swept = 0
        for entry in os.scandir(self._incoming):
            with suppress(FileNotFoundError):
                if entry.stat().st_mtime < before:
                    Path(entry.path).unlink()
                    swept += 1
        return swept


class DirectoryWriter:
    """A file on its way in."""

    def __init__(
        self, key: str, temporary: Path, kept: Path, target: Path, durable: set[Path], descriptor: int
    ) -> None:
        self._key = key
        self._kept = kept
        self._durable = durable
        self._temporary = temporary
        self._target = target
        self._descriptor = descriptor
        self._unsynced_bytes = 0

    async def write(self, chunk: bytes | memoryview) -> None:
        """See the port."""
        await _in_thread(self._write, chunk)

    async def commit(self) -> ObjectInfo:
        """See the port."""
        return await _in_thread(self._commit)

    async def abort(self) -> None:
        """See the port."""
        if self._descriptor >= 0:
            await _in_thread(self.forget)

    def put(self, data: bytes) -> ObjectInfo:
        """Writes and commits, in the thread that calls."""
        _write_all(self._descriptor, data)
        return self._commit()

    def forget(self) -> None:
        """Aborts, in the thread that calls; harmless after a commit."""
        if self._descriptor >= 0:
            self._close()
        self._temporary.unlink(missing_ok=True)

    def _write(self, chunk: bytes | memoryview) -> None:
        _write_all(self._descriptor, chunk)
        self._unsynced_bytes += len(chunk)
        if self._unsynced_bytes >= UNSYNCED_BYTES:
            self._unsynced_bytes = 0
            os.fdatasync(self._descriptor)

    def _commit(self) -> ObjectInfo:
        os.fsync(self._descriptor)
        status = os.fstat(self._descriptor)
        self._close()
        folder = self._target.parent
        try:
            self._temporary.rename(self._target)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            self._temporary.rename(self._target)
        _fsync_folder(folder)
        if folder not in self._durable:
            # Another process may have made it a moment ago, and not have synced it yet.
            for parent in folder.parents[: len(folder.relative_to(self._kept).parts)]:
                _fsync_folder(parent)
            self._durable.add(folder)
        return ObjectInfo(self._key, status.st_size, status.st_mtime_ns)

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


async def _in_thread(function: Callable[..., Result], *arguments: object) -> Result:
    """Runs blocking file work off the event loop and translates its errors."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except (FileNotFoundError, DropmeshError):
        raise
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(STORE) from error
        raise StoreUnavailable(STORE, str(error)) from error


def _open_at(path: Path, offset: int, length: int | None) -> tuple[FileIO, int, bytes]:
    """A file that closes itself once it is garbage, how many bytes to read of it, and the first of them."""
    file = FileIO(path)
    try:
        there = max(0, os.fstat(file.fileno()).st_size - offset)
        left = there if length is None else min(length, there)
        return file, left, os.pread(file.fileno(), min(CHUNK_BYTES, left), offset)
    except BaseException:
        file.close()
        raise


def _write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(descriptor, left) :]


def _stat(key: str, path: Path) -> ObjectInfo | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return ObjectInfo(key, status.st_size, status.st_mtime_ns)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
