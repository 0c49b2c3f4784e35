"""The child's whole life: `python -m services.processor.pool.child FD`; started by the pool and by nobody else."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
from socket import socket
from typing import Any

from services.processor.pool.messages import Done, Failed, OutOfMemory, Ready, Run, Start, pack, receive
from services.processor.pool.worker import Worker

_PR_SET_PDEATHSIG = 1
_REST_SECONDS = 1.0
_MEMORY_WORDS = ("insufficient memory", "bad_alloc", "out of memory", "failed to allocate memory")


def serve(connection: socket, parent: int) -> None:
    """Make ready, then run jobs until the parent hangs up."""
    _die_with(parent)
    # Ctrl-C reaches the whole group of processes; the parent decides what becomes of a job.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start = receive(connection)
    if not isinstance(start, Start):
        return
    resource.setrlimit(resource.RLIMIT_DATA, (start.memory_limit_bytes, start.memory_limit_bytes))
    # A core file of pictures is nothing to leave behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        context = start.setup(start.threads)
    except Exception as error:  # noqa: BLE001 - it is raised again where the pool was asked
        connection.sendall(pack(Failed.of(error)))
        return
    connection.sendall(pack(Ready()))
    while isinstance(job := _next_job(connection), Run):
        answer = _run(job, Worker(context, start.threads, max(start.threads, job.burst_threads), connection))
        connection.sendall(_pack(answer))
        if isinstance(answer, OutOfMemory):
            return
        del job, answer


def _next_job(connection: socket) -> Run | None:
    """The next job; what arrives too late for the last one is skipped."""
    if not select.select([connection], [], [], _REST_SECONDS)[0]:
        _trim()
    while True:
        message = receive(connection)
        if message is None or isinstance(message, Run):
            return message


def _run(job: Run, worker: Worker[Any]) -> Done | Failed | OutOfMemory:
    try:
        return Done(job.function(worker, *job.args))
    except MemoryError:
        return OutOfMemory()
    except Exception as error:  # noqa: BLE001 - it is raised again where the job was asked for
        if any(words in str(error).lower() for words in _MEMORY_WORDS):
            return OutOfMemory()
        return Failed.of(error)


def _pack(answer: Done | Failed | OutOfMemory) -> bytes:
    try:
        return pack(answer)
    except Exception as error:  # noqa: BLE001 - a result that cannot travel is the job's mistake
        return pack(Failed.of(error))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before it could be asked for.
    if os.getppid() != parent:
        sys.exit(1)


def _trim() -> None:
    """Hand what was freed back to the system: an idle child shall be small."""
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    with socket(fileno=int(sys.argv[1])) as line:
        serve(line, int(sys.argv[2]))
