from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from services.common.queue.notifier import Notifier


def sockets(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_every_listener_of_a_name_is_woken_and_no_other(tmp_path: Path) -> None:
    sender, first, second = Notifier(tmp_path / "s"), Notifier(tmp_path / "s"), Notifier(tmp_path / "s")
    woken, also, other = first.event("drops"), second.event("drops"), second.event("photos")
    sender.notify("drops")
    async with asyncio.timeout(10):
        await asyncio.gather(woken.wait(), also.wait())
    assert not other.is_set()
    for notifier in (sender, first, second):
        notifier.close()
    assert sockets(tmp_path / "s") == []


async def test_the_socket_of_a_process_that_died_is_removed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(tmp_path / "123.abcdef"))
    notifier = Notifier(tmp_path)
    notifier.notify("drops")
    assert sockets(tmp_path) == []
    notifier.close()


async def test_without_a_listener_nothing_happens(tmp_path: Path) -> None:
    notifier = Notifier(tmp_path / "never made")
    notifier.notify("drops")
    notifier.close()
