"""Background loops, which run as long as the service and start again when they end before it; and work put off."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from services.common.base.errors import DropmeshError
from services.common.base.loops import Backoff, is_cancelled, pause
from services.common.base.telemetry import Metrics

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Runs beside a service until the event is set."""

# A loop that ran for so long is well.
WELL_AFTER_SECONDS = 10.0
# One that ended this often without ever being well is failing.
ENDS_MOST = 3
TRIM_SECONDS = 5.0
TRIM_ABOVE_BYTES = 16 * 1024 * 1024
log = logging.getLogger(__name__)


class Background:
    """Keeps the loops of a service running."""

    def __init__(self, metrics: Metrics, *, first_pause: float = 0.5, longest_pause: float = 5.0) -> None:
        self._metrics = metrics
        self._pauses = (first_pause, longest_pause)
        self._ends: Counter[int] = Counter()
        self._began: dict[int, float] = {}
        self._names: list[str] = []

    @property
    def failing(self) -> list[str]:
        """The loops that do not stay up."""
        now = asyncio.get_running_loop().time()
        ended = [number for number, count in self._ends.items() if count >= ENDS_MOST]
        return sorted({self._names[number] for number in ended if now - self._began[number] < WELL_AFTER_SECONDS})

    async def run(self, loops: Sequence[Loop], stopping: asyncio.Event) -> None:
        """Runs loops until the service stops and each of them has ended."""
        self._names = [_name(loop) for loop in loops]
        async with asyncio.TaskGroup() as group:
            for number, loop in enumerate(loops):
                group.create_task(self._keep(number, loop, stopping))

    async def _keep(self, number: int, loop: Loop, stopping: asyncio.Event) -> None:
        name, backoff = self._names[number], Backoff(*self._pauses)
        clock = asyncio.get_running_loop().time
        running = self._metrics.loops_running.labels(name)
        while not stopping.is_set():
            self._began[number] = clock()
            with running.track_inprogress():
                is_fault = await _run_once(name, loop, stopping)
            if stopping.is_set():
                return
            self._metrics.loop_restarts.labels(name).inc()
            if clock() - self._began[number] >= WELL_AFTER_SECONDS:
                self._ends[number] = 0
                backoff.succeeded()
            # A loop that waits for a store is well.
            self._ends[number] += is_fault
            await pause(backoff.failed(), stopping)


class PutOff:
    """The kinds of work that are put off now, since the machine or a store fails, each with the cause."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._causes: dict[str, str] = {}

    @property
    def causes(self) -> Mapping[str, str]:
        """By the kind of work."""
        return self._causes

    def begin(self, work: str, cause: str) -> None:
        """No such work is begun for now."""
        self._causes[work] = cause
        self._metrics.put_off.labels(work).set(1)
        self._metrics.put_off_times.labels(work).inc()

    def end(self, work: str) -> None:
        """It goes on."""
        if self._causes.pop(work, None) is not None:
            self._metrics.put_off.labels(work).set(0)


async def _run_once(name: str, loop: Loop, stopping: asyncio.Event) -> bool:
    """Runs a loop to its end; returns whether that end was a fault, other than a store that does not answer."""
    try:
        await loop(stopping)
    except DropmeshError as error:
        extra = {"loop": name, "cause": getattr(error, "cause", error.message)}
        log.warning("a background loop ended and starts again: %s", error.message, extra=extra)
        return False
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # A driver may cancel a call when its connection closes, which is no wish of ours to stop.
        if isinstance(error, asyncio.CancelledError) and is_cancelled():
            raise
        log.exception("a background loop failed and starts again", extra={"loop": name})
    else:
        if not stopping.is_set():
            log.error("a background loop ended and starts again", extra={"loop": name})
    return True


def _name(loop: Loop) -> str:
    return getattr(loop, "__qualname__", repr(loop))


async def give_back_memory(stopping: asyncio.Event) -> None:
    """Gives memory that a burst took back to the system: glibc keeps what is free between blocks that are in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        await stopping.wait()
        return
    least_bytes = _resident_bytes()
    while not await pause(TRIM_SECONDS, stopping):
        # Where nothing is free this takes less than a millisecond, in a thread of its own.
        if _resident_bytes() > least_bytes + TRIM_ABOVE_BYTES:
            await asyncio.to_thread(trim, 0)
        least_bytes = min(least_bytes, _resident_bytes())


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
