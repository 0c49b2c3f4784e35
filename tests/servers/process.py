"""Runs one server privately: a free loopback port, a temporary folder, a log, and an end that never fails to come."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

_STOP_SECONDS = 10.0
_PORTS = random.SystemRandom()
_CHOSEN_FROM = range(15000, 32000)


class StartFailed(Exception):
    """A server ended or stayed silent while it was awaited; the text holds the end of its log."""


def free_port() -> int:
    """Returns a loopback port that is not in use; its owner binds it later.

    It is chosen at random below the kernel's own range, so that neither another worker of the tests nor an outgoing
    connection is likely to take it in between.
    """
    while True:
        port = _PORTS.choice(_CHOSEN_FROM)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port: int, greeting: bytes = b"") -> bool:
    """Whether a server takes connections on the port, and answers the greeting when one is given."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            if not greeting:
                return True
            connection.sendall(greeting)
            return bool(connection.recv(1))
    except OSError:
        return False


def leashed(command: Sequence[str | Path]) -> list[str]:
    """The command, made to end with this process."""
    leash = Path(__file__).with_name("leash.py")
    return [sys.executable, "-I", "-S", str(leash), str(os.getpid()), *map(str, command)]


@contextmanager
def private_folder(name: str) -> Iterator[Path]:
    """A temporary folder for a server's data, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"dropmesh-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    command: Sequence[str | Path],
    ready: Callable[[], bool],
    log: Path,
    env: Mapping[str, str] | None = None,
    within_seconds: float = 240.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the command until the block ends, entering the block once `ready` says so.

    The command gets a session of its own, so that Ctrl-C reaches the tests first, and dies with this process.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            leashed(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        _await(process, ready, within_seconds, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


Start = Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]


class KillableServer:
    """A server that can be killed; it keeps its address and its data."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._life = ExitStack()
        self._process = self._life.enter_context(start())

    def kill(self) -> None:
        """Ends it like a power cut."""
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Starts it on the data that it left; returns once it takes connections."""
        self.stop()
        self._process = self._life.enter_context(self._start())

    def stop(self) -> None:
        self._life.close()


def _await(process: subprocess.Popen[bytes], ready: Callable[[], bool], within_seconds: float, log: Path) -> None:
    deadline = time.monotonic() + within_seconds
    while not ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:]
            how = f"ended with {process.returncode}" if ended else f"was not ready within {within_seconds:.0f} s"
            raise StartFailed(f"{log.parent.name} {how}:\n{tail}")
        time.sleep(0.05)
