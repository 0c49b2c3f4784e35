from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from scripts.mesh import check_store
from services.common.catalog.sqlite.catalog import SqliteCatalog
from tests.integration.common.catalog.test_damage import FRAME_BYTES, HEADER_BYTES, THINGS, flip, wal, write


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder whose catalog a process left by kill -9."""
    running = tmp_path / "running" / "catalog.sqlite"
    catalog = await SqliteCatalog.open(running, (THINGS,))
    await write(catalog, 40)
    left = tmp_path / "d"
    left.mkdir()
    for end in ("", "-wal"):
        shutil.copyfile(f"{running}{end}", left / f"catalog.sqlite{end}")
    await catalog.close()
    return left


def check(data: Path, *arguments: str) -> int:
    sys.argv = ["check-store", "--data", str(data), *arguments]
    return check_store.main()


def test_a_whole_catalog_has_no_damage(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(data) == 0
    assert "no damage found" in capsys.readouterr().out


def test_lost_writes_are_counted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(wal(data / "catalog.sqlite"), HEADER_BYTES + 20 * FRAME_BYTES + 2000)
    assert check(data) == 1
    assert "acknowledged writes behind the damage" in capsys.readouterr().out
    assert check(data, "--accept-loss") == 0
    (kept,) = data.glob("catalog.sqlite.damaged-*")
    assert sorted(path.name for path in kept.iterdir()) == ["catalog.sqlite", "catalog.sqlite-wal"]
    assert check(data) == 0


def test_a_damaged_page_is_found(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(data, "--accept-loss") == 0
    path = data / "catalog.sqlite"
    bytes_ = path.read_bytes()
    path.write_bytes(bytes_[: len(bytes_) // 2] + b"\xff" * (len(bytes_) - len(bytes_) // 2))
    assert check(data) == 1
    assert "damaged; see docs/operations.md" in capsys.readouterr().out
