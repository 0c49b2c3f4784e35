from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lib.rooms import broken_rules


def write(root: Path, files: dict[str, str]) -> None:
    """Writes files, named without their suffix."""
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "back",
    [
        "from services.ingest.media.store import Store",
        "import services.ingest.media.store",
        "from ..media import store",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from services.ingest.media.store import Store",
        "def late():\n    from services.ingest.media import store",
    ],
)
def test_two_folders_that_import_each_other_are_found(tmp_path: Path, back: str) -> None:
    write(tmp_path, {"services/ingest/media/store": "from services.ingest.drops import queue"})
    write(tmp_path, {"services/ingest/drops/queue": ""})
    assert broken_rules(tmp_path) == []
    write(tmp_path, {"services/ingest/drops/queue": back})
    found = broken_rules(tmp_path)
    assert len(found) == 2
    assert all(line.startswith("services/ingest: ") for line in found)
    assert {"drops", "media"} <= set(found[0].replace(",", "").split())


def test_a_circle_over_three_folders_is_found_and_a_line_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"services/common/a/one": "import services.common.b.two"})
    write(tmp_path, {"services/common/b/two": "import services.common.c.three"})
    write(tmp_path, {"services/common/c/three": ""})
    assert broken_rules(tmp_path) == []
    write(tmp_path, {"services/common/c/three": "import services.common.a.one"})
    assert len(broken_rules(tmp_path)) == 3


def test_a_folder_holds_twelve_files_and_an_empty_init_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, {"services/query/media/__init__": ""})
    write(tmp_path, {f"services/query/media/m{number}": "" for number in range(12)})
    assert broken_rules(tmp_path) == []
    write(tmp_path, {"services/query/media/one_more": ""})
    assert broken_rules(tmp_path) == ["services/query/media: 13 files, at most 12 in a folder"]


@pytest.mark.parametrize(
    "imported", ["services.query.media", "tests.support.calls", "scripts.mesh.up", "training.model"]
)
def test_a_service_imports_no_other_service_and_nothing_beside_the_services(tmp_path: Path, imported: str) -> None:
    write(tmp_path, {"services/query/media/__init__": ""})
    write(
        tmp_path, {"services/common/base/names": "", "services/ingest/main": "from services.common.base import names"}
    )
    assert broken_rules(tmp_path) == []
    for place in ("services/ingest/main", "services/common/base/names"):
        write(tmp_path, {place: f"import {imported}"})
    found = broken_rules(tmp_path)
    assert len([line for line in found if f"imports {imported}: services import only" in line]) == 2


def test_a_unit_test_stands_where_its_module_stands(tmp_path: Path) -> None:
    write(tmp_path, {"services/ingest/media/files": "", "services/ingest/settings/__init__": ""})
    write(tmp_path, {"scripts/mesh/up": "", "training/model": ""})
    write(tmp_path, {"tests/unit/ingest/media/test_files": "", "tests/unit/ingest/settings/test_settings": ""})
    write(tmp_path, {"tests/unit/ingest/test_settings": "", "tests/unit/scripts/mesh/test_up": ""})
    write(tmp_path, {"tests/unit/training/test_model": ""})
    assert broken_rules(tmp_path) == []
    write(tmp_path, {"tests/unit/ingest/media/test_uploads": "", "tests/unit/test_page": ""})
    assert broken_rules(tmp_path) == [
        "tests/unit/ingest/media/test_uploads.py: there is no services/ingest/media/uploads.py",
        "tests/unit/test_page.py: there is no page.py",
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("from services.common.stores.open import open_stores", "services.common.stores.open"),
        ("from services.common.objects import directory", "services.common.objects.directory"),
        ("import socket", "socket"),
        ("import grpc\nserver = grpc.aio.server()", "grpc.aio.server"),
        ("def test_one(mesh): ...", "mesh"),
        ("async def test_one(tmp_path, s3): ...", "s3"),
    ],
)
def test_a_unit_test_opens_no_store_and_no_socket(tmp_path: Path, text: str, named: str) -> None:
    write(tmp_path, {"services/common/queue/kept": "", "tests/unit/common/queue/test_kept": "import grpc"})
    assert broken_rules(tmp_path) == []
    write(tmp_path, {"tests/unit/common/queue/test_kept": text})
    path = "tests/unit/common/queue/test_kept.py"
    assert broken_rules(tmp_path) == [f"{path} uses {named}: move it to tests/integration/"]
