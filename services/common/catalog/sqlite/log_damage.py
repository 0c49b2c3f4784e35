"""Finds acknowledged writes behind damage in a write-ahead log: SQLite takes it up to the damage and drops the rest.

Each frame of the log has a checksum that continues that of the frame before it. A process that is killed, or a loss of
power, leaves at most one unfinished transaction at the end, which was never acknowledged. Two that continue each other,
behind the last frame that SQLite takes, are behind damage.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
# The index of the log begins with how far SQLite takes it, and the salts of the frames that it takes.
_INDEX = struct.Struct("=16xI12x8s")
_BIG = 0x377F0683
_USUAL_PAGE_BYTES = 4096
_UNFINISHED_MOST = 1
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Frame:
    """A page in the log; the last one of a transaction ends it."""

    ends_transaction: bool
    salts: bytes
    sums: tuple[int, ...]
    data: bytes

    def follows(self, before: tuple[int, ...], order: str) -> bool:
        """Whether its checksum continues another one."""
        return _summed(before, self.data, order) == self.sums


def lost_transactions(database: Path, index: BinaryIO) -> int:
    """Returns how many transactions of the log SQLite drops; 0 where the last one may just be unfinished.

    Call it after a connection has read, and while no process writes. `index` is the log's index, `-shm`, and stays open
    for as long as the connections do: to close it would end all of SQLite's locks on it in this process, and the next
    process that opens the database would start the index anew below this one.
    """
    log = database.with_name(f"{database.name}-wal")
    try:
        with log.open("rb") as file:
            valid, salts = _INDEX.unpack(index.read(_INDEX.size))
            head = _Head(file.read(_HEADER_BYTES))
            return _lost(list(_frames(file, head, valid, salts if head.is_whole else None)), head)
    except (FileNotFoundError, struct.error):
        return 0


def transactions_behind_damage(database: Path) -> int:
    """Returns the same without a connection: by the checksum of every frame, which takes seconds for a large log."""
    try:
        with database.with_name(f"{database.name}-wal").open("rb") as file:
            head = _Head(file.read(_HEADER_BYTES))
            frames = list(_frames(file, head, 0, head.salts if head.is_whole else None))
    except (FileNotFoundError, struct.error):
        return 0
    if not head.is_whole:
        return _lost(frames, head)
    before = head.sums
    for number, frame in enumerate(frames):
        if not frame.follows(before, head.order):
            return _lost(frames[number:], head)
        before = frame.sums
    return 0


class _Head:
    """The first bytes of a log."""

    def __init__(self, head: bytes) -> None:
        self.order = ">" if head[:4] == _BIG.to_bytes(4) else "<"
        self.salts = head[16:24]
        self.sums = struct.unpack(">2I", head[24:])
        self.is_whole = _summed((0, 0), head[:24], self.order) == self.sums
        page_bytes = int.from_bytes(head[8:12])
        self.page_bytes = page_bytes if self.is_whole else _USUAL_PAGE_BYTES


def _lost(frames: list[_Frame], head: _Head) -> int:
    # The checksum of the first may be what is damaged.
    lost = max(_transactions(frames, head.order), _transactions(frames[1:], head.order))
    return lost if lost > _UNFINISHED_MOST else 0


def _frames(file: BinaryIO, head: _Head, start: int, salts: bytes | None) -> Iterator[_Frame]:
    """The frames from a number on that have these salts; others are of a time before the log began anew."""
    size_bytes = _FRAME_HEADER_BYTES + head.page_bytes
    file.seek(_HEADER_BYTES + start * size_bytes)
    while len(frame := file.read(size_bytes)) == size_bytes:
        _, pages, found, first, second = struct.unpack(">2I8s2I", frame[:_FRAME_HEADER_BYTES])
        # They are unknown where the head of the log is damaged.
        salts = salts or found
        if found != salts:
            return
        yield _Frame(pages != 0, found, (first, second), frame[:8] + frame[_FRAME_HEADER_BYTES:])


def _transactions(frames: list[_Frame], order: str) -> int:
    """How many transactions end in the frames that continue the first one."""
    ended = 0
    for number, frame in enumerate(frames):
        if number and not frame.follows(frames[number - 1].sums, order):
            break
        ended += frame.ends_transaction
    return ended


def _summed(sums: tuple[int, ...], data: bytes, order: str) -> tuple[int, ...]:
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & _MASK
        second = (second + other + first) & _MASK
    return first, second
