"""What a video needs of memory, in a process of its own: a peak never falls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scenes import Scene, write_video
from tests.unit.processor.video.test_source import long_video

MIB = 1024
PEAK = """
import sys
from pathlib import Path
from services.common.base.errors import DropmeshError
from tests.support.scenes import anonymize, resting, Scene, write_video

def peak_kib():
    # Unlike getrusage's peak, it does not begin with the parent's.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])

source, target = Path(sys.argv[1]), Path(sys.argv[2])
anonymize(write_video(target.with_name("warm.mp4"), Scene(place=resting, frames=5)), target)
before = peak_kib()
try:
    anonymize(source, target)
except DropmeshError as error:
    print(error, file=sys.stderr)
print(peak_kib() - before)
"""


def peak_kib(source: Path) -> tuple[int, str]:
    command = [sys.executable, "-c", PEAK, str(source), str(source.with_name("out.mp4"))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[4])
    return int(done.stdout), done.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_long_video_needs_no_more_than_a_short_one(tmp_path: Path) -> None:
    short = write_video(tmp_path / "short.mp4", Scene(size=(320, 240), frames=60))
    long = write_video(tmp_path / "long.mp4", Scene(size=(320, 240), frames=600, place=lambda n: (n % 250, 100)))

    # Its frames alone, kept as pictures, would take 130 MiB.
    assert peak_kib(long)[0] < peak_kib(short)[0] + 24 * MIB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_video_that_is_refused_needs_hardly_any(tmp_path: Path) -> None:
    peak, said = peak_kib(long_video(tmp_path / "in.mp4", 36_000))

    assert "36000 seconds" in said
    assert peak < 50 * MIB
