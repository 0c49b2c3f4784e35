from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.processor.models.download import ATTEMPTS, download
from services.processor.models.errors import SourceFailed
from services.processor.models.progress import NoProgress
from services.processor.models.timeouts import Timeouts
from tests.support.file_server import FileServer, serve_files

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve_files() as served:
        served.files["/m.onnx"] = CONTENT
        yield served


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "m.onnx"


def fetch(server: FileServer, target: Path, timeouts: Timeouts | None = None, content: bytes = CONTENT) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    download(f"{server.url}/m.onnx", target, sha256, len(content), timeouts or Timeouts(5), NoProgress())


def test_a_file_comes_whole(server: FileServer, target: Path):
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert [file.name for file in target.parent.iterdir()] == ["m.onnx"]


def test_a_connection_that_breaks_off_is_continued_where_it_broke(server: FileServer, target: Path):
    server.cuts = [100_000, 50_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=100000-", "bytes=150000-"]


def test_what_one_pull_left_the_next_continues(server: FileServer, target: Path):
    server.cuts = [10_000] * ATTEMPTS
    with pytest.raises(SourceFailed, match="broke off"):
        fetch(server, target)
    assert not target.exists()
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={10_000 * ATTEMPTS}-"


def test_a_server_without_ranges_starts_over(server: FileServer, target: Path):
    server.cuts, server.knows_ranges = [100_000], False
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_rest_of_another_version_is_thrown_away_once(server: FileServer, target: Path):
    target.parent.mkdir()
    target.with_name("m.onnx.part").write_bytes(b"old" * 1000)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["bytes=3000-", ""]


def test_a_rest_longer_than_the_file_is_thrown_away(server: FileServer, target: Path):
    target.parent.mkdir()
    target.with_name("m.onnx.part").write_bytes(CONTENT + b"more")
    fetch(server, target)
    assert server.ranges == [""]


def test_another_file_than_the_pinned_one_never_appears(server: FileServer, target: Path):
    server.files["/m.onnx"] = CONTENT[:-1] + b"!"
    with pytest.raises(SourceFailed, match="its sha256 is"):
        fetch(server, target)
    assert list(target.parent.iterdir()) == []


def test_a_file_that_does_not_end_is_cut(server: FileServer, target: Path):
    server.files["/m.onnx"] = CONTENT * 2
    with pytest.raises(SourceFailed, match=f"more than the {len(CONTENT)} bytes"):
        fetch(server, target)
    assert not target.exists()


def test_what_is_not_there_is_said_and_the_host_asked_again(server: FileServer, target: Path):
    timeouts = Timeouts(5)
    content = server.files.pop("/m.onnx")
    with pytest.raises(SourceFailed, match="the server answers 404"):
        fetch(server, target, timeouts)
    server.files["/m.onnx"] = content
    fetch(server, target, timeouts)
    assert target.exists()


def test_a_host_that_cannot_be_reached_is_not_asked_again(target: Path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = FileServer(url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    timeouts = Timeouts(5)
    with pytest.raises(SourceFailed, match="cannot be reached"):
        fetch(nobody, target, timeouts)
    with pytest.raises(SourceFailed, match="could not be reached"):
        fetch(nobody, target, timeouts)
    assert not target.exists()


def test_a_server_that_says_nothing_is_waited_for_only_as_long_as_asked(target: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = FileServer(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(SourceFailed, match="cannot be reached: timed out"):
            fetch(mute, target, Timeouts(0.05))


def test_no_time_left_keeps_what_came(server: FileServer, target: Path):
    now = [0.0]

    class Clocked(NoProgress):
        def at(self, done_bytes: int, size_bytes: int) -> None:
            now[0] += 10

    sha256 = hashlib.sha256(CONTENT).hexdigest()
    timeouts = Timeouts(5, 10, clock=lambda: now[0])
    with pytest.raises(SourceFailed, match="no time left"):
        download(f"{server.url}/m.onnx", target, sha256, len(CONTENT), timeouts, Clocked())
    assert target.with_name("m.onnx.part").stat().st_size > 0
    fetch(server, target)
    assert target.read_bytes() == CONTENT
