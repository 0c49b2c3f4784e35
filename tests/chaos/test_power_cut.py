"""A power cut while drops or photos come in: every process ends, and only what was synced is left of the stores."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from scripts.measuring.loading.drop_processes import DropProcesses, drop_processes
from scripts.measuring.loading.killing import drop_until_a_cut
from scripts.measuring.loading.upload_mesh import UploadMesh, upload_mesh
from tests.chaos.upload_kills import missing
from tests.chaos.upload_senders import Sender, Sent

SOURCE = Path(__file__).with_name("synced_copy.c")
FILES = ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm")
WAYS = ("raw", "multipart", "resumable")


@dataclass
class Disk:
    """The stores of a mesh, and what a power cut would leave of them."""

    data: Path
    synced: Path
    settings: dict[str, str]

    @property
    def objects(self) -> Path:
        return self.data / "objects"

    def cut(self, processes: DropProcesses, *services: str) -> None:
        """Ends the services at once, takes what was not synced away, and starts them again."""
        for name in services:
            processes.kill(name)
        for name in FILES:
            # A program without the library made the catalog and synced it; no service may have since.
            if name != "catalog.sqlite" or (self.synced / name).exists():
                (self.data / name).unlink(missing_ok=True)
            if (self.synced / name).exists():
                shutil.copyfile(self.synced / name, self.data / name)
        self.restore(self.objects)
        for name in services:
            processes.start(name)

    def restore(self, folder: Path) -> None:
        """Leaves of a folder that was there before what its synced list names, and of each file what was synced."""
        for found in folder.iterdir():
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink()
        self._fill(folder, folder.stat().st_ino)

    def _fill(self, folder: Path, number: int) -> None:
        listed = self.synced / f"d{number}"
        lines = listed.read_text().splitlines() if listed.exists() else []
        for entry, kind, name in (line.split(" ", 2) for line in lines):
            if name in {".", ".."}:
                continue
            if kind == "d":
                (folder / name).mkdir()
                self._fill(folder / name, int(entry))
            else:
                content = self.synced / f"f{entry}"
                (folder / name).write_bytes(content.read_bytes() if content.exists() else b"")


@pytest.fixture
def disk() -> Iterator[Disk]:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        data, synced, library = Path(folder) / "data", Path(folder) / "synced", Path(folder) / "synced_copy.so"
        (data / "objects").mkdir(parents=True)
        synced.mkdir()
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
        settings = {
            "LD_PRELOAD": str(library),
            "SYNCED_FROM": str(data / "catalog.sqlite"),
            "SYNCED_TREE": str(data / "objects"),
            "SYNCED_TO": str(synced),
        }
        yield Disk(data, synced, settings)


@pytest.mark.timeout(300)
async def test_no_acknowledged_drop_is_lost_to_a_power_cut(disk):
    with drop_processes(disk.data, disk.settings) as processes:
        verdict = await drop_until_a_cut(
            processes, lambda: disk.cut(processes, "query", "processor", "ingest"), callers=8, seconds=1.0
        )
    assert verdict.faults == []
    assert verdict.acknowledged > 20


@pytest.mark.timeout(300)
def test_no_acknowledged_upload_is_lost_to_a_power_cut(disk):
    with upload_mesh(disk.data, disk.settings) as mesh:
        with uploading(mesh) as sent:
            time.sleep(2.0)
            disk.cut(mesh.processes, "query", "ingest")
        assert len(sent.acknowledged) > 3
        assert [*sent.faults, *missing(mesh, sent.acknowledged)] == []


@contextmanager
def uploading(mesh: UploadMesh) -> Iterator[Sent]:
    """Uploads by every way in until the block ends; what is under way then is brought to its end."""
    sent, stopping = Sent(), threading.Event()

    async def upload() -> None:
        async with httpx.AsyncClient(base_url=mesh.url, headers=mesh.authorization, timeout=60) as http:
            await asyncio.gather(*(Sender(http, way, "", 1, sent).run(stopping) for way in WAYS))

    callers = threading.Thread(target=lambda: asyncio.run(upload()))
    callers.start()
    try:
        yield sent
    finally:
        stopping.set()
        callers.join()
