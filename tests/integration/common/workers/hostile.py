"""A child that a hostile content has taken over: its code writes to the parent's line as it likes."""

from __future__ import annotations

import os
import pickle
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.common.workers.jobs import job
from services.common.workers.pool import ProcessPool
from services.common.workers.protocol import Kind, pack
from services.common.workers.worker import Worker

Trick = Callable[[int, Path], bytes]


class Exploit:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._mark),)


def header(kind: int, number: int, text_bytes: int, content_bytes: int) -> bytes:
    return struct.pack("!BIIQ", kind, number, text_bytes, content_bytes)


def old_pickle(number: int, mark: Path) -> bytes:
    payload = pickle.dumps(Exploit(mark))
    return struct.pack(">Q", len(payload)) + payload


TRICKS: dict[str, Trick] = {
    "a pickle behind its length": old_pickle,
    "a pickle as a result": lambda number, mark: pack(Kind.DONE, number, pickle.dumps(Exploit(mark))),
    "4 GiB of text": lambda number, mark: header(Kind.DONE, number, 2**32 - 1, 0),
    "4 GiB of content": lambda number, mark: header(Kind.DONE, number, 2, 2**32),
    "4 GiB of refusal": lambda number, mark: header(Kind.REFUSED, number, 2**32 - 1, 0),
    "nonsense": lambda number, mark: random.Random(1).randbytes(10_000),
    "no JSON": lambda number, mark: pack(Kind.DONE, number, b"\xff\xfe"),
    "a deep JSON": lambda number, mark: pack(Kind.DONE, number, b"[" * 100_000),
    "another type": lambda number, mark: pack(Kind.DONE, number, b'{"reading": 7, "too_many_pixels": []}'),
    "fields too many": lambda number, mark: pack(Kind.DONE, number, b'{"__class__": "os"}'),
    "a result of another job": lambda number, mark: pack(Kind.DONE, number - 1, b"3"),
    "a frame that parents send": lambda number, mark: pack(Kind.RUN, number, b"[]"),
    "an answer out of turn": lambda number, mark: pack(Kind.READY, number),
    "progress below zero": lambda number, mark: pack(Kind.PROGRESS, number, b"[-1, 10]"),
    "endless progress": lambda number, mark: pack(Kind.PROGRESS, number, b"[1, 10]") * 200_000,
    "a range that no job reads": lambda number, mark: pack(Kind.RANGE, number, b"[0, 999999999999]"),
    "a refusal that no job gives": lambda number, mark: pack(
        Kind.REFUSED,
        number,
        b'{"kind": "InvalidArgument", "reason": "TOKEN_INVALID", "message": "", "metadata": {}, "http_status": null}',
    ),
}


@job
def set_up() -> None:
    """Nothing to set up."""


@job
def play(worker: Worker[Any], trick: str, mark: Path) -> int:
    """Plays a trick, and goes on as if nothing were."""
    worker._connection.sendall(TRICKS[trick](worker._job, mark))
    time.sleep(600)
    return 3


@job
def fall_silent(worker: Worker[Any]) -> int:
    time.sleep(600)
    return 3


@job
def talk_on(worker: Worker[Any], trick: str, mark: Path) -> int:
    """Answers well, and plays its trick while nobody asks."""
    worker._connection.sendall(pack(Kind.DONE, worker._job, b"3") + TRICKS[trick](worker._job + 1, mark))
    time.sleep(600)
    return 3


@job
def environment(_worker: Worker[Any]) -> tuple[str, ...]:
    return tuple(os.environ)


@job
def open_files(_worker: Worker[Any]) -> tuple[str, ...]:
    return tuple(str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink())


class TakenOver(ProcessPool[Any]):
    """A pool whose jobs are taken over, in turn, by a function with its arguments; after these the jobs are as asked.

    Three dots in their place stand for the arguments of the job that is taken over.
    """

    turns: list[tuple[Any, ...]]

    async def run(self, function: Any, *args: Any, **options: Any) -> Any:
        if self.turns:
            function, *own = self.turns.pop(0)
            args = args if own == [...] else tuple(own)
        return await super().run(function, *args, **options)
