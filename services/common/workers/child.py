"""A child's whole life: `python -P -m services.common.workers.child FD PARENT`, started by `ChildProcess.launch`."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import select
import signal
import sys
from pathlib import Path
from socket import socket
from typing import Any

from services.common.base.errors import FailedPrecondition, InvalidArgument
from services.common.workers.confinement import ChildLimits, give_back_memory
from services.common.workers.jobs import decode_call
from services.common.workers.plain import decoder, encode, load
from services.common.workers.protocol import Frame, Kind, pack, receive
from services.common.workers.refusals import encode_refusal, sound_text
from services.common.workers.worker import Worker

_PR_SET_PDEATHSIG = 1
_REST_SECONDS = 1.0
_MEMORY_WORDS = ("insufficient memory", "bad_alloc", "out of memory", "failed to allocate memory")


def serve(connection: socket, parent: int) -> None:
    """Set up, then run jobs until the parent hangs up."""
    _die_with(parent)
    # Ctrl-C reaches the whole group of processes; the parent decides what becomes of a job.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library has to say about a content is an answer, not a line in the service's log.
    logging.disable()
    start = receive(connection)
    if start is None:
        return
    limits: ChildLimits = decoder(ChildLimits)(load(start.text), b"")
    _limit_memory(limits.memory_bytes)
    setup = receive(connection)
    if setup is None:
        return
    try:
        function, threads, arguments = decode_call(setup.text, setup.content)
        context = function(*arguments)
    except Exception as error:  # noqa: BLE001 - it is raised again in the parent
        connection.sendall(_failure(setup.job, error))
        return
    connection.sendall(pack(Kind.READY, setup.job))
    while (frame := _next_job(connection)) is not None:
        answer = _run(frame, context, threads, limits.cpu_seconds, connection)
        connection.sendall(answer)
        if answer[0] == Kind.OUT_OF_MEMORY:
            return
        del frame, answer


def _next_job(connection: socket) -> Frame | None:
    """The next job; what arrives too late for the last one is skipped."""
    if not select.select([connection], [], [], _REST_SECONDS)[0]:
        give_back_memory()
    while True:
        frame = receive(connection)
        if frame is None or frame.kind is Kind.RUN:
            return frame


def _run(frame: Frame, context: Any, threads: int, cpu_seconds: float, connection: socket) -> bytes:
    """Run a job; the answer as it travels."""
    # Zero sets no limit. Where it is passed, SIGPROF ends the process.
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        function, burst_threads, arguments = decode_call(frame.text, frame.content)
        worker = Worker(context, threads, max(threads, burst_threads), frame.job, connection)
        return pack(Kind.DONE, frame.job, *encode(function(worker, *arguments)))
    except Exception as error:  # noqa: BLE001 - it is raised again in the parent
        return _failure(frame.job, error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _failure(job: int, error: Exception) -> bytes:
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _MEMORY_WORDS):
        return pack(Kind.OUT_OF_MEMORY, job)
    if isinstance(error, InvalidArgument | FailedPrecondition):
        return pack(Kind.REFUSED, job, encode_refusal(error))
    return pack(Kind.FAILED, job, sound_text(f"{type(error).__name__}: {error}").encode())


def _limit_memory(limit_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    # A core file of pictures is nothing to leave behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if (score := Path("/proc/self/oom_score_adj")).exists():
        score.write_text("1000")  # Where the machine's memory runs out, this process goes and not the service.


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before it could be asked for.
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    with socket(fileno=int(sys.argv[1])) as line:
        serve(line, int(sys.argv[2]))
