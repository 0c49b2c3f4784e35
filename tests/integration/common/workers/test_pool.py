from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import InvalidArgument
from services.common.workers.confinement import ChildLimits
from services.common.workers.errors import JobCrashed, JobFailed, JobOutOfMemory, JobTimedOut
from services.common.workers.pool import ProcessPool
from tests.integration.common.workers import jobs

LONG = timedelta(seconds=60)
BRIEF = timedelta(seconds=0.3)
LIMIT_BYTES = 400 << 20
LIMITS = ChildLimits(LIMIT_BYTES, result_bytes=1 << 20, content_bytes=4 << 20)


def open_pool(children: int = 1, warm: int = 1, idle: timedelta = LONG) -> ProcessPool[str]:
    return ProcessPool(jobs.greet, 1, children=children, threads=1, limits=LIMITS, warm=warm, idle=idle)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]


def children() -> set[int]:
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


async def until(condition: object, *args: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(30):
        while not condition(*args):  # noqa: ASYNC110 - it comes true in other processes
            await asyncio.sleep(0.01)


async def test_a_job_gets_what_was_made_ready_once_and_gives_back_its_result() -> None:
    async with open_pool() as pool:
        first = await pool.run(jobs.context, time_limit=LONG)
        assert first == await pool.run(jobs.context, time_limit=LONG)
        assert first.startswith("1 threads in ")
        assert await pool.run(jobs.add, 2, 3, time_limit=LONG) == 5
        content = os.urandom(3 << 20)
        assert await pool.run(jobs.echo, content, time_limit=LONG) == content


@pytest.mark.parametrize("job_module", ["services.processor.media.jobs", "services.ingest.metadata.jobs"])
def test_a_child_loads_neither_grpc_nor_an_event_loop(job_module: str) -> None:
    code = (
        f"import sys, services.common.workers.child, {job_module}; print(*{{'grpc', 'asyncio'}} & sys.modules.keys())"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []


async def test_a_job_that_hangs_ends_in_time_and_the_next_one_runs() -> None:
    async with open_pool() as pool:
        before = await pool.run(jobs.pid, time_limit=LONG)
        with pytest.raises(JobTimedOut) as caught:
            await pool.run(jobs.hang, time_limit=BRIEF)
        assert caught.value.metadata == {"limit_seconds": "0.3"}
        assert not is_running(before)
        assert await pool.run(jobs.pid, time_limit=LONG) != before


@pytest.mark.parametrize(("job", "exit_code"), [(jobs.crash, -11), (jobs.leave, 3)])
async def test_a_job_that_crashes_its_process_fails_alone(job: object, exit_code: int, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(children=2) as pool:
        other = asyncio.create_task(pool.run(jobs.wait_for, gate, time_limit=LONG))
        with pytest.raises(JobCrashed) as caught:
            await pool.run(job, time_limit=LONG)  # type: ignore[arg-type]
        assert caught.value.exit_code == exit_code
        gate.touch()
        assert await other > 0
        assert await pool.run(jobs.add, 1, 1, time_limit=LONG) == 2


async def test_a_job_that_wants_too_much_memory_says_so() -> None:
    async with open_pool() as pool:
        with pytest.raises(JobOutOfMemory) as caught:
            await pool.run(jobs.hog, 2 * LIMIT_BYTES, time_limit=LONG)
        assert caught.value.metadata == {"limit_bytes": str(LIMIT_BYTES)}
        assert await pool.run(jobs.hog, 1 << 20, time_limit=LONG) == 1 << 20


async def test_what_a_job_raises_is_raised_with_all_it_says() -> None:
    async with open_pool() as pool:
        before = await pool.run(jobs.pid, time_limit=LONG)
        with pytest.raises(InvalidArgument, match="the PNG cannot be read: it has no pixels") as caught:
            await pool.run(jobs.refuse, time_limit=LONG)
        assert caught.value.metadata == {"format": "png"}
        assert caught.value.reason == reasons.MEDIA_UNREADABLE
        with pytest.raises(JobFailed, match="Type is not JSON serializable: object"):
            await pool.run(jobs.unsendable, time_limit=LONG)
        with pytest.raises(JobFailed, match="ZeroDivisionError: division by zero"):
            await pool.run(jobs.divide, 1, 0, time_limit=LONG)
        assert await pool.run(jobs.pid, time_limit=LONG) == before


async def test_what_making_ready_raises_is_raised_where_the_pool_is_opened() -> None:
    pool = ProcessPool(jobs.setup_breaks, 1, children=1, threads=1, limits=LIMITS)
    with pytest.raises(InvalidArgument, match="not with 1 threads"):
        await pool.__aenter__()


async def test_a_cancelled_job_is_asked_to_stop_and_its_child_goes_on(tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    seen: list[tuple[int, int]] = []
    async with open_pool() as pool:
        child = await pool.run(jobs.pid, time_limit=LONG)
        job = asyncio.create_task(pool.run(jobs.count, 1_000_000, stopped, time_limit=LONG, on_progress=seen.append))
        await until(seen.__len__)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert await pool.run(jobs.pid, time_limit=LONG) == child
        assert stopped.read_text() == f"stopped in {child}"
        assert seen == sorted(seen)


async def test_a_cancelled_job_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    async with open_pool() as pool:
        job = asyncio.create_task(pool.run(jobs.hang, started, time_limit=LONG))
        await until(started.exists)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert await pool.run(jobs.add, 1, 2, time_limit=LONG) == 3
        assert not is_running(int(started.read_text()))


async def test_jobs_wait_for_a_child_and_no_more_children_run_than_were_asked_for(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(children=2) as pool:
        running = [asyncio.create_task(pool.run(jobs.wait_for, gate, time_limit=LONG)) for _ in range(6)]
        await asyncio.sleep(0)
        impatient = asyncio.create_task(pool.run(jobs.pid, time_limit=LONG))
        await asyncio.sleep(0)
        impatient.cancel()
        gate.touch()
        assert len(set(await asyncio.gather(*running))) <= 2


async def test_a_job_may_use_the_threads_of_children_that_rest(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(children=4) as pool:
        assert await pool.run(jobs.burst_threads, time_limit=LONG) == 4
        running = [asyncio.create_task(pool.run(jobs.wait_for, gate, time_limit=LONG)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await pool.run(jobs.burst_threads, time_limit=LONG) == 1
        gate.touch()
        await asyncio.gather(*running)


async def test_children_beyond_the_warm_ones_end_when_idle(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    before = children()
    async with open_pool(children=3, idle=timedelta(0)) as pool:
        running = [asyncio.create_task(pool.run(jobs.wait_for, gate, time_limit=LONG)) for _ in range(3)]
        await until(lambda: len(children() - before) == 3)
        gate.touch()
        await asyncio.gather(*running)
        # It may be one that came too late for a job.
        await until(lambda: len(children() - before) == 1)
        (left,) = children() - before
        assert await pool.run(jobs.pid, time_limit=LONG) == left
    assert not is_running(left)


async def test_beside_a_long_job_another_child_is_there_for_short_ones_and_one_stays(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with open_pool(children=2, idle=timedelta(0)) as pool:
        before = children()
        long = asyncio.create_task(pool.run(jobs.wait_for, gate, time_limit=LONG, is_long=True))
        await until(lambda: children() - before)
        short = await pool.run(jobs.pid, time_limit=LONG)
        assert {short} == children() - before
        assert await pool.run(jobs.pid, time_limit=LONG) == short
        gate.touch()
        pids = {short, await long}
        await until(lambda: sum(map(is_running, pids)) == 1)


async def test_a_child_can_be_started_ahead_of_need() -> None:
    before = children()
    async with open_pool(warm=0) as pool:
        assert children() == before
        pool.have_one_ready()
        pool.have_one_ready()
        await until(lambda: len(children() - before) == 1)
        (ready,) = children() - before
        assert await pool.run(jobs.pid, time_limit=LONG) == ready


async def test_with_a_rest_the_last_child_ends_too_and_the_next_job_starts_one() -> None:
    pool = ProcessPool(jobs.greet, 1, children=1, threads=1, limits=LIMITS, rest=timedelta(0))
    async with pool:
        rested = await pool.run(jobs.pid, time_limit=LONG)
        await until(lambda: not is_running(rested))
        assert await pool.run(jobs.pid, time_limit=LONG) != rested


async def test_a_child_that_died_while_idle_is_replaced() -> None:
    async with open_pool() as pool:
        idle = await pool.run(jobs.pid, time_limit=LONG)
        os.kill(idle, 9)
        await until(lambda: not is_running(idle))
        await asyncio.sleep(0.05)
        assert await pool.run(jobs.pid, time_limit=LONG) != idle


def test_children_die_with_their_parent(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = f"""
import asyncio, pathlib
from datetime import timedelta
from tests.integration.common.workers import jobs
from tests.integration.common.workers.test_pool import open_pool

async def main():
    async with open_pool(children=2) as pool:
        hanging = asyncio.create_task(pool.run(jobs.hang, pathlib.Path({str(started)!r}), time_limit=timedelta(60)))
        while not pathlib.Path({str(started)!r}).exists():
            await asyncio.sleep(0.01)
        await pool.run(jobs.orphan, time_limit=timedelta(60))

asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=False)
    assert ended.returncode == -9
    child = int(started.read_text())

    async def gone() -> None:
        await until(lambda: not is_running(child))

    asyncio.run(gone())
