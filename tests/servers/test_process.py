"""What a test run starts ends with it, whatever ends the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import StartFailed, running

_STARTS_A_SLEEPER_AND_WAITS = """
import subprocess, sys, time
from tests.servers.process import leashed
sleeper = subprocess.Popen(leashed([sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]))
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: only its kernel ends orphans")
def test_a_server_does_not_outlive_a_killed_run() -> None:
    # The pipe's other ends are the run's and its server's: it closes when both are gone, and not before.
    command = [sys.executable, "-c", _STARTS_A_SLEEPER_AND_WAITS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        os.kill(run.pid, signal.SIGKILL)
        assert run.stdout.read() == b""


def test_a_server_that_ends_early_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such disk')"]
    with pytest.raises(StartFailed, match="no such disk"), running(command, lambda: False, tmp_path / "log"):
        pass
