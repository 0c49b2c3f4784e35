"""The first processes of the services, forked from scripts/up: what they all import is loaded once, and shared.

Imported by each service by itself, the same modules took a second of CPU and 35 MiB in each. A service that is started
again later, one of several instances, and every service on a system other than Linux is a Python of its own.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from scripts.mesh.supervisor import Program, end_with_parent

# In the list of fields of /proc/PID/stat behind the name.
ARGUMENTS_START, ARGUMENTS_END = 45, 46


class Forked:
    """A process that was forked; the supervisor keeps it like one of asyncio's."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def terminate(self) -> None:
        """Asks it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it."""
        self._send(signal.SIGKILL)

    async def wait(self) -> int:
        """Waits for its end; returns its exit status, or the number of the signal below zero."""
        return await asyncio.shield(self._end)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    @cached_property
    def _end(self) -> asyncio.Future[int]:
        loop = asyncio.get_running_loop()
        end: asyncio.Future[int] = loop.create_future()
        handle = os.pidfd_open(self.pid)

        def ended() -> None:
            loop.remove_reader(handle)
            os.close(handle)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            end.set_result(self.returncode)

        loop.add_reader(handle, ended)
        return end


def can_fork() -> bool:
    """Whether a fork of this process is whole: no thread of it holds a lock."""
    return sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) == 1


def load_services(services: Sequence[str]) -> None:
    """Imports what the services start with."""
    for service in services:
        import_module(f"services.{service}.bootstrap")
    # Each service checks requests with it.
    import_module("protovalidate")
    # What the collector has to look through would be copied into each process.
    gc.collect()
    gc.freeze()


def fork_service(program: Program, service: str, keep_out: Callable[[], None]) -> Forked:
    """Starts a service; `keep_out` closes in the new process what belongs to this one."""

    def serve() -> None:
        keep_out()
        _rename("python", "-m", f"services.{service}")
        runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)

    return _forked(program, serve)


def fork_command(program: Program) -> Forked:
    """Starts a program that is no service."""
    return _forked(program, partial(os.execv, program.command[0], tuple(program.command)))


def _forked(program: Program, function: Callable[[], object]) -> Forked:
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become(program.log, program.folder, function, parent)
    return Forked(pid)


def _become(log: Path, folder: Path | None, function: Callable[[], object], parent: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        end_with_parent()
        if os.getppid() == parent:
            _redirect(log)
            if folder is not None:
                os.chdir(folder)
            status = _status_of(function)
    except BaseException:  # noqa: BLE001 - nothing may go back to where the parent goes on
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: Path) -> None:
    for path, flags, number in ((Path(os.devnull), os.O_RDONLY, 0), (log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 1)):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)


def _status_of(function: Callable[[], object]) -> int:
    """As Python ends: a text is printed and means a failure."""
    try:
        function()
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    return 0


def _rename(*words: str) -> None:
    """Has the system show these words as the command, where they fit in the place of the present ones."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[ARGUMENTS_START]), int(fields[ARGUMENTS_END])
    text = b"".join(word.encode() + b"\0" for word in words)
    if 0 < len(text) <= end - start:
        ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
