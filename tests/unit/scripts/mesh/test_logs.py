from __future__ import annotations

import subprocess

import pytest

from scripts.mesh.logs import put_large_ones_aside


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_what_is_large_is_put_aside_and_the_oldest_goes(tmp_path):
    for number in range(5):
        (tmp_path / "edge.log").write_text(f"long line {number}")
        (tmp_path / "query.log").write_text("short")
        put_large_ones_aside(tmp_path, largest_bytes=10)
    assert contents(tmp_path) == {
        "edge.log": "",
        "edge.log.1": "long line 4",
        "edge.log.2": "long line 3",
        "edge.log.3": "long line 2",
        "query.log": "short",
    }


def test_whoever_writes_goes_on_where_the_log_begins(tmp_path):
    log = tmp_path / "edge.log"
    with log.open("ab") as output:
        writer = subprocess.Popen(
            ["sh", "-c", "echo a first line; read _; echo more"], stdin=subprocess.PIPE, stdout=output, text=True
        )
    while not log.stat().st_size:
        assert writer.poll() is None
    put_large_ones_aside(tmp_path, largest_bytes=10)
    writer.communicate("go on\n")
    assert contents(tmp_path) == {"edge.log": "more\n", "edge.log.1": "a first line\n"}


def test_a_log_that_cannot_be_put_aside_stays(tmp_path):
    (tmp_path / "edge.log").write_text("long line")
    (tmp_path / "edge.log.0").mkdir()
    with pytest.raises(OSError):
        put_large_ones_aside(tmp_path, largest_bytes=1)
    assert (tmp_path / "edge.log").read_text() == "long line"
