"""Keeps the mesh's processes running: starts them, restarts those that die, and ends them in order."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FIRST_PAUSE_SECONDS = 0.5
# Short, so that the mesh answers soon after the cause of a crash is gone.
LONGEST_PAUSE_SECONDS = 1.5
# A program that ran for so long, or that was killed, did not fail to start.
STEADY_SECONDS = 5.0
KILL_AFTER_SECONDS = 15.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the mesh."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    # Where it runs; None: where the supervisor does.
    folder: Path | None = None


class Process(Protocol):
    """A process that was started: one of asyncio's, or a fork."""

    @property
    def returncode(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...


class Supervisor:
    """Runs programs until `stop`; those that have begun before are kept from then on."""

    def __init__(
        self, programs: Sequence[Program], say: Callable[[str], None], begun: Mapping[str, Process] | None = None
    ) -> None:
        self._programs = programs
        self._say = say
        self._begun = dict(begun or {})
        self._stopping = asyncio.Event()
        self._processes: dict[str, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts every program."""
        self._keepers = [asyncio.create_task(self._keep(program)) for program in self._programs]

    async def stop(self) -> None:
        """Ends the programs in the reverse of their order, each given time to finish what it does."""
        self._stopping.set()
        for program in reversed(self._programs):
            process = self._processes.get(program.name)
            if process is None or process.returncode is not None:
                continue
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), KILL_AFTER_SECONDS)
            except TimeoutError:
                self._say(f"{program.name} did not stop within {KILL_AFTER_SECONDS:g} s and was killed")
                process.kill()
        await asyncio.gather(*self._keepers)

    async def _keep(self, program: Program) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            process = self._begun.pop(program.name, None) or await _started(program)
            self._processes[program.name] = process
            if self._stopping.is_set():
                # `stop` looked before there was this process.
                process.terminate()
            code = await process.wait()
            if self._stopping.is_set():
                return
            if code < 0 or time.monotonic() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            self._say(f"{program.name} ended ({how}); restarting in {pause:g} s; log: {program.log}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _started(program: Program) -> Process:
    with program.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *program.command,
            env={**os.environ, **program.environment},
            cwd=program.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def end_with_parent() -> None:
    """In the new process: Linux ends it when its parent ends, even by kill -9; elsewhere nothing does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
