"""A few long-lived children that jobs are handed to, from an event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import timedelta
from types import TracebackType
from typing import Any, Concatenate, Generic, Self, TypeVar

from services.common.workers.confinement import ChildLimits
from services.common.workers.jobs import job_of
from services.common.workers.process import ChildProcess, Progress, Source
from services.common.workers.worker import Context, Worker

Result = TypeVar("Result")
log = logging.getLogger(__name__)
CANCEL_GRACE = timedelta(seconds=2)


class ProcessPool(Generic[Context]):
    """Runs jobs in children that can be killed.

    Promises: a job is a function of the table of jobs, called with a `Worker` before its own arguments, whose `context`
    is what the setup, a function of the table too, returned in that child. A job that takes longer than its time limit,
    crashes its process, runs into the memory limit or breaks the protocol ends with an error of `CHILD_LOST`, alone:
    others go on, and another child takes the dead one's place when it is needed. A refusal (InvalidArgument or
    FailedPrecondition) that a job raises is raised here, any other exception as `JobFailed`. A caller that is cancelled
    leaves at once; its job is asked to stop, and its child killed where it does not. Children die with their parent.
    Arguments and results are plain data (`plain`) and bounded: large content goes by the path of a file, or is read in
    ranges from a `source`.

    `warm` children stay, beside those that are at long jobs: while one is, another is there for what is short. More are
    started when jobs wait for them, and end when they were `idle` for so long. With `rest`, the warm ones end too, when
    they had no job for that time; the next job starts one.
    """

    def __init__(
        self,
        setup: Callable[..., Context],
        *setup_arguments: Any,
        children: int,
        threads: int,
        limits: ChildLimits,
        warm: int = 1,
        idle: timedelta = timedelta(seconds=30),
        rest: timedelta | None = None,
    ) -> None:
        self._setup = setup
        self._setup_arguments = setup_arguments
        self._child_threads = threads
        self._limits = limits
        self._threads = children * threads
        self._most = children
        self._warm = min(warm, children)
        self._idle_seconds = idle.total_seconds()
        self._rest_seconds = None if rest is None else rest.total_seconds()
        self._idle: list[ChildProcess] = []
        self._retirements: dict[ChildProcess, asyncio.TimerHandle] = {}
        self._children: set[ChildProcess] = set()
        self._places = 0
        self._at_long_jobs: set[ChildProcess] = set()
        self._starts: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._errands: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the warm children."""
        started = [self._take() for _ in range(self._warm)]
        for child in await asyncio.gather(*started):
            self._give_back(child)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills all children at once."""
        for start in self._starts:
            start.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        for child in tuple(self._children):
            self._forget_retirement(child)
            await self._end(child)
        while self._errands:
            await asyncio.gather(*self._errands)

    def have_one_ready(self) -> None:
        """Starts a child ahead of need, where none is idle and there is room for one."""
        if not self._idle and self._places < self._most:
            start = asyncio.get_running_loop().create_task(self._start_one())
            self._starts.add(start)
            start.add_done_callback(self._starts.discard)

    async def run(
        self,
        function: Callable[Concatenate[Worker[Context], ...], Result],
        *args: Any,
        time_limit: timedelta,
        on_progress: Callable[[Progress], None] | None = None,
        source: Source | None = None,
        is_long: bool = False,
    ) -> Result:
        """Run a job in a child that is free; its time starts once there is one, and stands while `source` is read.

        What `source` raises passes through.
        """
        child = await self._take()
        if is_long:
            self._at_long_jobs.add(child)
            self.have_one_ready()
        try:
            burst_threads = self._threads // (self._places - len(self._idle))
            result: Result = await child.run(job_of(function), args, burst_threads, time_limit, on_progress, source)
        finally:
            if child.is_at_job:
                self._spawn(self._cancel(child))
            else:
                self._give_back(child)
        return result

    async def _start_one(self) -> None:
        try:
            self._give_back(await self._take())
        except Exception:
            log.warning("a worker process could not be started ahead of need", exc_info=True)

    async def _take(self) -> ChildProcess:
        while True:
            while self._idle:
                child = self._idle.pop()
                self._forget_retirement(child)
                if child.is_usable:
                    return child
                await self._end(child)
            if self._places < self._most:
                self._places += 1
                try:
                    child = await ChildProcess.launch(
                        self._setup, self._setup_arguments, self._child_threads, self._limits
                    )
                except BaseException:
                    self._places -= 1
                    self._wake()
                    raise
                self._children.add(child)
                return child
            await self._turn()

    async def _turn(self) -> None:
        """Wait in line for a child or a place for one."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()
            raise

    def _give_back(self, child: ChildProcess) -> None:
        self._at_long_jobs.discard(child)
        if not child.is_usable:
            self._spawn(self._end(child))
        else:
            self._idle.append(child)
            self._await_retirement(child)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _await_retirement(self, child: ChildProcess) -> None:
        is_extra = self._has_extra()
        seconds = self._idle_seconds if is_extra else self._rest_seconds
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._retirements[child] = loop.call_later(seconds, self._retire, child, is_extra)

    def _retire(self, child: ChildProcess, was_extra: bool) -> None:
        self._forget_retirement(child)
        if child not in self._idle:
            return
        if was_extra and not self._has_extra():
            self._await_retirement(child)
            return
        self._idle.remove(child)
        self._spawn(self._end(child))

    def _has_extra(self) -> bool:
        """Whether there are more children than the warm ones and those at long jobs."""
        return self._places - len(self._at_long_jobs) > self._warm

    async def _end(self, child: ChildProcess) -> None:
        self._at_long_jobs.discard(child)
        if child in self._children:
            self._children.remove(child)
            self._places -= 1
        await child.kill()
        self._wake()

    def _forget_retirement(self, child: ChildProcess) -> None:
        timer = self._retirements.pop(child, None)
        if timer is not None:
            timer.cancel()

    async def _cancel(self, child: ChildProcess) -> None:
        await child.cancel(CANCEL_GRACE)
        self._give_back(child)

    def _spawn(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
