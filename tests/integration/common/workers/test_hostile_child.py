from __future__ import annotations

import os
import resource
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.workers.confinement import ChildLimits
from services.common.workers.errors import JobMisbehaved, JobTimedOut
from services.common.workers.pool import ProcessPool
from tests.integration.common.workers import hostile, jobs
from tests.integration.common.workers.test_pool import is_running

LONG = timedelta(seconds=60)
LIMITS = ChildLimits(400 << 20, result_bytes=1 << 20)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", autouse=True)
def inherited_secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a parent has that its child must not: secrets in the environment, and an open file."""
    file = os.open(tmp_path_factory.mktemp("parent") / "secret", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(file, True)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DROPMESH_S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "DROPMESH_CATALOG", "HOME", "PYTHONSTARTUP"):
            patch.setenv(name, "secret")
        yield
    os.close(file)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(inherited_secrets: None) -> AsyncIterator[ProcessPool[Any]]:
    async with ProcessPool(hostile.set_up, children=1, threads=1, limits=LIMITS) as pool:
        yield pool


@pytest.mark.parametrize("trick", hostile.TRICKS)
async def test_a_trick_ends_its_job_with_a_typed_error_at_once_and_the_next_job_works(
    trick: str, pool: ProcessPool[Any], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    taken_over = await pool.run(jobs.pid, time_limit=LONG)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    with pytest.raises(JobMisbehaved) as caught:
        await pool.run(hostile.play, trick, mark, time_limit=LONG)
    assert time.monotonic() - start < 20
    assert caught.value.reason == reasons.MEDIA_UNREADABLE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 64 << 10
    assert not is_running(taken_over)
    assert not mark.exists()
    assert await pool.run(jobs.add, 1, 2, time_limit=LONG) == 3


async def test_silence_ends_with_the_time_limit(pool: ProcessPool[Any]) -> None:
    with pytest.raises(JobTimedOut):
        await pool.run(hostile.fall_silent, time_limit=timedelta(seconds=0.3))
    assert await pool.run(jobs.add, 1, 2, time_limit=LONG) == 3


@pytest.mark.parametrize("trick", ["nonsense", "endless progress"])
async def test_what_a_child_sends_unasked_is_not_the_next_jobs_fault(
    trick: str, pool: ProcessPool[Any], tmp_path: Path
) -> None:
    taken_over = await pool.run(jobs.pid, time_limit=LONG)
    assert await pool.run(hostile.talk_on, trick, tmp_path / "mark", time_limit=LONG) == 3
    assert await pool.run(jobs.pid, time_limit=LONG) != taken_over


async def test_a_child_has_no_setting_of_the_environment(pool: ProcessPool[Any]) -> None:
    names = await pool.run(hostile.environment, time_limit=LONG)
    assert {"PATH", "PYTHONPATH", "OMP_NUM_THREADS"} <= set(names)
    assert not {name for name in names if name.startswith(("DROPMESH_", "AWS_", "HOME", "PYTHONSTARTUP"))}


async def test_a_child_has_no_file_of_its_parent_but_standard_error_and_their_line(pool: ProcessPool[Any]) -> None:
    files = await pool.run(hostile.open_files, time_limit=LONG)
    assert not [file for file in files if file.endswith("/secret")]
    assert len([file for file in files if file.startswith("socket:")]) == 1
    assert files.count("/dev/null") >= 2
