"""Keeps the logs of a mesh that runs for long from filling its disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

MIB = 1024 * 1024
LARGEST_BYTES = 16 * MIB
OLD_ONES = 3
LOOK_SECONDS = 10.0


async def keep_logs_small(folder: Path, say: Callable[[str], None]) -> None:
    """Puts aside each log of a folder that has grown large, again and again, until it is cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await asyncio.to_thread(put_large_ones_aside, folder)
        except OSError as error:
            say(f"cannot rotate a log in {folder} ({error.strerror}); it keeps growing")


def put_large_ones_aside(folder: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    """NAME.log becomes NAME.log.1, that NAME.log.2 and so on; the oldest goes."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > largest_bytes:
            _put_aside(log)


def _put_aside(log: Path) -> None:
    # The writer keeps the file open for appending, and continues after the truncation.
    aside = log.with_name(f"{log.name}.0")
    try:
        with log.open("r+b") as source, aside.open("wb") as target:
            shutil.copyfileobj(source, target)
            source.truncate(0)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    for age in range(OLD_ONES, 0, -1):
        younger = log.with_name(f"{log.name}.{age - 1}")
        if younger.exists():
            younger.replace(log.with_name(f"{log.name}.{age}"))
