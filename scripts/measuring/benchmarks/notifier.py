"""How fast, and at what cost, a waiting process is woken: the notifier, polling, and ZeroMQ where it is installed."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path

from services.common.queue.notifier import Notifier

NAME = "drops"
# The promise is 50 ms: polling has to look twice as often.
POLL_SECONDS = 0.025
KINDS = ("notifier", "polling", "zeromq")


def main() -> int:
    """Wakes a process again and again, leaves it idle, and prints both figures for each way."""
    parser = argparse.ArgumentParser(prog="scripts/bench notifier", description=__doc__)
    parser.add_argument("--wakes", type=int, default=200, help="how often it is woken (200)")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds in which nothing happens (10)")
    arguments = parser.parse_args()
    print(f"{'':10} {'median':>9} {'p99':>9} {'idle: share of a core':>24}")
    for kind in KINDS:
        if kind == "zeromq" and find_spec("zmq") is None:
            print("zeromq     not installed (pip install pyzmq)")
            continue
        with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
            milliseconds, share = _measure(kind, Path(folder), arguments.wakes, arguments.idle)
        worst = statistics.quantiles(milliseconds, n=100)[98]
        print(f"{kind:10} {statistics.median(milliseconds):6.2f} ms {worst:6.2f} ms {share:24.3%}")
    return 0


def _measure(kind: str, folder: Path, wakes: int, idle_seconds: float) -> tuple[list[float], float]:
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    wake = _waker(kind, folder)
    process = context.Process(target=_wait, args=(kind, folder, there), daemon=True)
    process.start()
    here.recv()
    chance = random.Random(7)  # noqa: S311 - no secret
    taken = []
    for _ in range(wakes):
        time.sleep(chance.uniform(0.01, 0.06))
        began_ns = time.monotonic_ns()
        wake()
        woken_ns, _ = here.recv()
        taken.append((woken_ns - began_ns) / 1e6)
    wake()
    _, before = here.recv()
    time.sleep(idle_seconds)
    wake()
    _, after = here.recv()
    process.kill()
    process.join()
    return taken, (after - before) / idle_seconds


def _waker(kind: str, folder: Path) -> Callable[[], object]:
    """The publisher's side after its commit."""
    if kind == "notifier":
        notifier = Notifier(folder)
        return lambda: notifier.notify(NAME)
    if kind == "polling":
        database = sqlite3.connect(folder / "queue", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY)")
        return lambda: database.execute("INSERT INTO messages DEFAULT VALUES")
    zmq = import_module("zmq")
    publisher = zmq.Context.instance().socket(zmq.PUB)
    publisher.bind(f"ipc://{folder}/wake")
    return lambda: publisher.send(NAME.encode())


def _wait(kind: str, folder: Path, answers: Connection) -> None:
    async def run() -> None:
        async for _ in _wakes(kind, folder, answers):
            answers.send((time.monotonic_ns(), time.process_time()))

    asyncio.run(run())


async def _wakes(kind: str, folder: Path, answers: Connection) -> AsyncIterator[None]:
    if kind == "notifier":
        event = Notifier(folder).event(NAME)
        answers.send("ready")
        while await event.wait():
            event.clear()
            yield
    elif kind == "polling":
        database, seen = sqlite3.connect(folder / "queue"), 0
        answers.send("ready")
        while True:
            newest = database.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0]
            if newest > seen:
                seen = newest
                yield
            await asyncio.sleep(POLL_SECONDS)
    else:
        zmq = import_module("zmq.asyncio")
        subscriber = zmq.Context.instance().socket(import_module("zmq").SUB)
        subscriber.subscribe(NAME)
        subscriber.connect(f"ipc://{folder}/wake")
        await asyncio.sleep(1)
        answers.send("ready")
        while await subscriber.recv():
            yield


if __name__ == "__main__":
    sys.exit(main())
