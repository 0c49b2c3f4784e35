"""A power cut while drops come in: every process ends, and of the catalog's files only what was synced is left."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from scripts.measuring.loading.drop_processes import drop_processes
from scripts.measuring.loading.killing import drop_until_a_cut

SOURCE = Path(__file__).with_name("synced_copy.c")
FILES = ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm")
SERVICES = ("query", "processor", "ingest")


def build(compiler: str, library: Path) -> None:
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)


@pytest.mark.timeout(900)
async def test_no_acknowledged_drop_is_lost_to_a_power_cut() -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        data, synced, library = Path(folder) / "data", Path(folder) / "synced", Path(folder) / "synced_copy.so"
        data.mkdir()
        synced.mkdir()
        build(compiler, library)
        catalog = str(data / "catalog.sqlite")
        settings = {"LD_PRELOAD": str(library), "SYNCED_FROM": catalog, "SYNCED_TO": str(synced)}
        with drop_processes(data, settings) as processes:

            def cut() -> None:
                for name in SERVICES:
                    processes.kill(name)
                for name in FILES:
                    (data / name).unlink(missing_ok=True)
                    if (synced / name).exists():
                        shutil.copyfile(synced / name, data / name)
                for name in SERVICES:
                    processes.start(name)

            verdict = await drop_until_a_cut(processes, cut, callers=8, seconds=1.0)
    assert verdict.faults == []
    assert verdict.acknowledged > 20
