"""One child as its parent sees it: started, given a job at a time, and killed when it has to be."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.processor.pool.errors import JobCrashed, JobOutOfMemory, JobTimedOut
from services.processor.pool.messages import (
    Cancel,
    Done,
    Failed,
    Message,
    OutOfMemory,
    Progressed,
    Ready,
    Run,
    Start,
    pack,
    read,
)

_END_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class ChildProcess:
    """A running child; its methods are for one caller at a time."""

    _process: asyncio.subprocess.Process
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    _memory_limit_bytes: int

    @classmethod
    async def launch(cls, start: Start, time_limit: timedelta) -> ChildProcess:
        """Start a child and wait until it is ready; raises what its setup raised."""
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(ours.close)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.processor.pool.child",
                str(theirs.fileno()),
                str(os.getpid()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(start.threads),
            )
            undo.pop_all()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        child = cls(process, reader, writer, start.memory_limit_bytes)
        try:
            child._send(start)
            async with asyncio.timeout(time_limit.total_seconds()):
                answer = await read(reader)
            if not isinstance(answer, Ready):
                raise await child._ended(answer)
        except TimeoutError:
            await child.kill()
            raise JobTimedOut(time_limit) from None
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be given a job."""
        return self._process.returncode is None and not self._reader.at_eof()

    async def run(self, job: Run, time_limit: timedelta, on_progress: Callable[[Any], None] | None) -> Any:
        """Run a job; the child is dead after `JobTimedOut`, `JobCrashed` and `JobOutOfMemory`."""
        self._send(job)
        try:
            async with asyncio.timeout(time_limit.total_seconds()):
                answer = await self._answer(on_progress)
        except TimeoutError:
            await self.kill()
            raise JobTimedOut(time_limit) from None
        if isinstance(answer, Done):
            return answer.result
        raise await self._ended(answer)

    async def cancel(self, grace: timedelta) -> None:
        """End the job in progress: politely, then by killing the child."""
        self._send(Cancel())
        try:
            async with asyncio.timeout(grace.total_seconds()):
                answer = await self._answer(None)
        except TimeoutError:
            answer = None
        if not isinstance(answer, Done | Failed):
            await self.kill()

    async def kill(self) -> None:
        """End the child whatever it does."""
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                return
        await self._process.wait()
        self._writer.close()

    def _send(self, message: Message) -> None:
        self._writer.write(pack(message))

    async def _answer(self, on_progress: Callable[[Any], None] | None) -> Message | None:
        while isinstance(answer := await read(self._reader), Progressed):
            if on_progress is not None:
                on_progress(answer.value)
        return answer

    async def _ended(self, answer: Message | None) -> BaseException:
        """The exception that a last message, or the lack of one, means."""
        if isinstance(answer, Failed):
            return answer.error()
        # It hung up by itself: how it ends says why, so it is let end.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        await self.kill()
        if isinstance(answer, OutOfMemory):
            return JobOutOfMemory(self._memory_limit_bytes)
        return JobCrashed(self._process.returncode)


def _environment(threads: int) -> dict[str, str]:
    numbers = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    # Fewer arenas: what one thread frees serves the next one, and an idle child is smaller.
    return {**os.environ, **dict.fromkeys(numbers, str(threads)), "PYTHONPATH": path, "MALLOC_ARENA_MAX": "2"}
