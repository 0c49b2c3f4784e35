from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from services.processor.models.entry import ModelEntry
from services.processor.models.errors import NotPulled, SourceFailed
from services.processor.models.pull import Puller
from services.processor.models.store import ModelStore, Presence
from services.processor.models.timeouts import Timeouts
from tests.support.file_server import serve_files

CONTENT = b"weights" * 1000


def labels(*sources: dict[str, object], content: bytes = CONTENT) -> ModelEntry:
    """An entry of the simplest kind: what a pull does is the same for all."""
    values = {
        "name": "words",
        "title": "Words",
        "task": "labels",
        "file": "words.txt",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "licence": "MIT",
        "sources": sources,
    }
    return ModelEntry.model_validate(values)


def puller(folder: Path, mirror: str = "") -> Puller:
    return Puller(ModelStore(folder), Timeouts(10), mirror)


def test_a_local_mirror_is_asked_first(tmp_path: Path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "words.txt").write_bytes(CONTENT)
    store = ModelStore(tmp_path / "models")
    entry = labels({"url": "http://127.0.0.1:1/words.txt"})
    assert puller(tmp_path / "models", str(mirror)).pull(entry) == str(mirror / "words.txt")
    assert store.look(entry) is Presence.PULLED


def test_a_mirror_on_the_web_has_files_by_the_registrys_names(tmp_path: Path):
    with serve_files() as server:
        server.files["/models/words.txt"] = CONTENT
        assert puller(tmp_path, f"{server.url}/models/").pull(labels()) == f"{server.url}/models/words.txt"
    assert (tmp_path / "words.txt").read_bytes() == CONTENT


def test_the_next_source_is_asked_when_one_fails(tmp_path: Path):
    with serve_files() as server:
        server.files["/good"] = CONTENT
        server.files["/bad"] = CONTENT[:-1] + b"?"
        sources: list[dict[str, object]] = [{"url": f"{server.url}/{name}"} for name in ("gone", "bad", "good")]
        entry = labels(*sources)
        assert puller(tmp_path, str(tmp_path / "empty")).pull(entry) == f"{server.url}/good"


def test_when_none_has_it_every_cause_is_told_and_nothing_appears(tmp_path: Path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "words.txt").write_bytes(b"others")
    with serve_files() as server, pytest.raises(NotPulled) as caught:
        puller(tmp_path / "models", str(mirror)).pull(labels({"url": f"{server.url}/gone"}))
    said = [str(cause) for cause in caught.value.causes]
    assert "its sha256 is" in said[0]
    assert "404" in said[1]
    assert not (tmp_path / "models" / "words.txt").exists()


def test_without_any_source_the_way_out_is_told(tmp_path: Path):
    with pytest.raises(NotPulled, match="only a mirror can have it"):
        puller(tmp_path).pull(labels())


def test_patience_ends_for_all_together():
    now = [0.0]
    timeouts = Timeouts(5, 12, clock=lambda: now[0])
    assert timeouts.timeout_seconds("it") == 5
    now[0] = 9
    assert timeouts.timeout_seconds("it") == 3
    now[0] = 12
    with pytest.raises(SourceFailed, match="no time left"):
        timeouts.timeout_seconds("it")
