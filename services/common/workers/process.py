"""One child as its parent sees it: started, given a job at a time, and killed when it has to be."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, TypeAlias

from services.common.workers.channel import Channel
from services.common.workers.confinement import ChildLimits, child_environment
from services.common.workers.errors import JobCrashed, JobFailed, JobMisbehaved, JobOutOfMemory, JobTimedOut
from services.common.workers.jobs import Job, job_of
from services.common.workers.plain import decoder, encode, load
from services.common.workers.protocol import MAX_RANGE_BYTES, Frame, Kind, Misbehaviour, Silence, answer_limits
from services.common.workers.refusals import decode_refusal

Progress: TypeAlias = tuple[int, int]
"""How much is done, and of how much; 0 where that is not known."""

Source: TypeAlias = Callable[[int, int], Awaitable[bytes]]
"""A content's bytes, by an offset and how many; fewer only at its end."""

_START_LIMIT: Final = timedelta(seconds=120)
_END_SECONDS: Final = 2.0
# Some times more than a sound child sends: the work on its messages is bounded as well.
_MAX_REPORTS: Final = 100
_MAX_REPORTS_PER_SECOND: Final = 20
_MAX_RANGES: Final = 100_000
_IN_STEP: Final = frozenset({Kind.DONE, Kind.REFUSED, Kind.FAILED})
"""After these a child waits for its next job."""

_decode_pair = decoder(tuple[int, int])


class ChildProcess:
    """A running child; its methods are for one caller at a time."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, limits: ChildLimits) -> None:
        self._process = process
        self._channel = channel
        self._limits = limits
        self._jobs = 0
        self.is_at_job = False
        """Whether it was given a job that has not ended: its caller was cancelled, or the job's source failed."""

    @classmethod
    async def launch(
        cls, setup: Callable[..., Any], arguments: tuple[Any, ...], threads: int, limits: ChildLimits
    ) -> ChildProcess:
        """Start a child and wait until it is set up; raises what its setup raised."""
        ours, theirs = socket.socketpair()
        try:
            process = _start(theirs, threads)
        except BaseException:
            ours.close()
            raise
        channel = Channel(answer_limits(limits.result_bytes, limits.content_bytes))
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=ours)
        child = cls(process, channel, limits)
        try:
            channel.send(Kind.START, 0, encode(limits)[0])
            channel.send(Kind.RUN, 0, *job_of(setup).encode_call(arguments, threads))
            answer = await child._answer(_START_LIMIT, None, None)
            if answer is None or answer.kind is not Kind.READY:
                raise await child._failure(answer)
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def is_usable(self) -> bool:
        """Whether it can be given a job: it lives, has sent nothing unasked, and was not given all that it may be."""
        is_fresh = not self._limits.jobs or self._jobs < self._limits.jobs
        return is_fresh and self._channel.is_quiet and self._process.poll() is None

    async def run(
        self,
        job: Job,
        arguments: tuple[Any, ...],
        burst_threads: int,
        time_limit: timedelta,
        on_progress: Callable[[Progress], None] | None = None,
        source: Source | None = None,
    ) -> Any:
        """Run a job; the child is dead after the errors of `CHILD_LOST`."""
        call = job.encode_call(arguments, burst_threads)
        self._jobs += 1
        self.is_at_job = True
        self._channel.send(Kind.RUN, self._jobs, *call)
        answer = await self._answer(time_limit, on_progress, source)
        if answer is None or answer.kind is not Kind.DONE:
            raise await self._failure(answer)
        try:
            return job.decode_result(answer.text, answer.content)
        except Misbehaviour as problem:
            await self.kill()
            raise JobMisbehaved(str(problem)) from None

    async def cancel(self, grace: timedelta) -> None:
        """End the job in progress: politely, then by killing the child."""
        self._channel.send(Kind.CANCEL, self._jobs)
        with suppress(JobTimedOut, JobMisbehaved):  # It was killed.
            answer = await self._answer(grace, None, None, is_wanted=False)
            if answer is None or answer.kind not in _IN_STEP:
                await self.kill()

    async def kill(self) -> None:
        """Kills the child at once."""
        self.is_at_job = False
        self._channel.close()
        self._process.kill()
        if self._process.poll() is None:
            await asyncio.to_thread(self._process.wait)

    async def _answer(
        self,
        time_limit: timedelta,
        on_progress: Callable[[Progress], None] | None,
        source: Source | None,
        *,
        is_wanted: bool = True,
    ) -> Frame | None:
        """How the job in progress ends; None where the child hung up. The time of `source` is not the child's."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        deadline = start + time_limit.total_seconds()
        reports = ranges = 0
        try:
            while (frame := await self._channel.receive(deadline)) is not None:
                if frame.job != self._jobs:
                    raise Misbehaviour("an answer of another job")
                if frame.kind is Kind.PROGRESS:
                    reports += 1
                    if reports > _MAX_REPORTS + _MAX_REPORTS_PER_SECOND * (loop.time() - start):
                        raise Misbehaviour("too many reports of progress")
                    done, total = _decode_pair(load(frame.text), b"")
                    if done < 0 or total < 0:
                        raise Misbehaviour("progress below zero")
                    if on_progress is not None:
                        on_progress((done, total))
                elif frame.kind is Kind.RANGE:
                    ranges += 1
                    offset, count = _decode_pair(load(frame.text), b"")
                    if offset < 0 or not 0 < count <= MAX_RANGE_BYTES or ranges > _MAX_RANGES:
                        raise Misbehaviour("a range that no job reads")
                    if source is not None:
                        asked = loop.time()
                        self._channel.send(Kind.BYTES, frame.job, content=await source(offset, count))
                        deadline += loop.time() - asked
                    elif is_wanted:
                        raise Misbehaviour("a range of nothing")
                else:
                    self.is_at_job = frame.kind not in _IN_STEP
                    return frame
        except Silence:
            await self.kill()
            raise JobTimedOut(time_limit) from None
        except Misbehaviour as problem:
            await self.kill()
            raise JobMisbehaved(str(problem)) from None
        return None

    async def _failure(self, answer: Frame | None) -> Exception:
        """The exception that a last frame means, or its absence."""
        try:
            if answer is not None and answer.kind is Kind.REFUSED:
                return decode_refusal(answer.text)
        except Misbehaviour as problem:
            await self.kill()
            return JobMisbehaved(str(problem))
        if answer is not None and answer.kind is Kind.FAILED:
            return JobFailed(answer.text.decode(errors="replace"))
        if answer is not None and answer.kind is not Kind.OUT_OF_MEMORY:
            await self.kill()
            return JobMisbehaved("an answer out of turn")
        # It hangs up by itself: how it ends says why, so it is let end.
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _END_SECONDS)
        await self.kill()
        if answer is not None:
            return JobOutOfMemory(self._limits.memory_bytes)
        return JobCrashed(self._process.returncode)


def _start(theirs: socket.socket, threads: int) -> subprocess.Popen[bytes]:
    """The process, started by the thread of the event loop: it is killed when the thread that started it ends."""
    with theirs:
        return subprocess.Popen(
            # Nothing is imported from the folder where the mesh was started (-P).
            [sys.executable, "-P", "-m", f"{__package__}.child", str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=child_environment(os.environ, threads),
        )
