"""The command that a person types, as far as its words and its exit status go."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.mesh.models import main
from services.processor.models.store import sha256_of
from tests.support.onnx_models import save_saying
from tests.unit.processor.models.test_registry import MINE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DROPMESH_SETTINGS", "DROPMESH_MODELS", "DROPMESH_MODELS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "models"


def own_model(folder: Path, **changes: str) -> None:
    """A model of one's own beside the project's, with an entry that says so."""
    folder.mkdir(exist_ok=True)
    save_saying(folder / "mine.onnx", [[0, 0, 10, 10, 0.9, 0.9, 0.9]])
    text = MINE.replace("0" * 64, sha256_of(folder / "mine.onnx")).replace("yolox", "dropmesh")
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "registry.toml").write_text(text)


def test_list_says_what_is_there_in_use_and_found(folder: Path, capsys: pytest.CaptureFixture[str]):
    own_model(folder)
    assert main(["--dir", str(folder), "list"]) == 0
    said = capsys.readouterr().out
    assert "license_plate  Dropmesh's own (bundled)" in said
    assert "vehicle        Mine (pulled)" in said
    assert "face           CenterFace (bundled)" in said
    assert "labels         EfficientNet-Lite0 (bundled)" in said


def test_the_models_are_those_of_the_mesh_on_the_folder_that_is_given(folder: Path, capsys: pytest.CaptureFixture[str]):
    own_model(folder)
    assert main(["--data", str(folder.parent), "list"]) == 0
    assert "vehicle        Mine (pulled)" in capsys.readouterr().out


def test_check_runs_each_model_that_is_there(folder: Path, capsys: pytest.CaptureFixture[str]):
    own_model(folder)
    assert main(["--dir", str(folder), "check"]) == 0
    said = capsys.readouterr().out
    assert "mine: ok, vehicle" in said
    assert "yunet: not installed" in said


def test_check_fails_on_a_damaged_file(folder: Path, capsys: pytest.CaptureFixture[str]):
    own_model(folder)
    (folder / "mine.onnx").write_bytes(b"not a model")
    assert main(["--dir", str(folder), "check"]) == 1
    assert "mine: FAILED: mine.onnx: sha256 is" in capsys.readouterr().out


def test_check_fails_on_a_model_that_its_decoder_does_not_understand(folder: Path, capsys: pytest.CaptureFixture[str]):
    own_model(folder, dropmesh='ssd", strides = [8], sizes = [[10.0]], variances = [0.1, 0.2], x = "')
    assert main(["--dir", str(folder), "check", "mine"]) == 1
    assert "models.mine.decoder.x" in capsys.readouterr().out
    own_model(folder, dropmesh="yunet")
    assert main(["--dir", str(folder), "check", "mine"]) == 1
    assert "cannot be run as the registry says" in capsys.readouterr().out


def test_pull_takes_from_a_mirror_what_it_has_and_tells_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]):
    mirror = folder.parent / "mirror"
    own_model(mirror)
    folder.mkdir()
    shutil.copy(mirror / "registry.toml", folder)
    assert main(["--dir", str(folder), "pull", "mine", "mobilenet-v2", "--mirror", str(mirror)]) == 1
    said = capsys.readouterr().out
    assert f"mine: pulled from {mirror / 'mine.onnx'}" in said
    assert "mobilenet-v2: not pulled\n" in said
    assert "vehicle        Mine (pulled)" in said
    assert main(["--dir", str(folder), "pull", "mobilenet-v2", "--mirror", str(mirror), "--quick"]) == 0


def test_a_bundled_model_needs_no_pull(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--dir", str(folder), "pull", "centerface"]) == 0
    assert "centerface: bundled, nothing to pull" in capsys.readouterr().out


def test_a_name_that_is_no_model_is_told_with_those_that_are(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--dir", str(folder), "pull", "yolo"]) == 1
    assert "no model is named 'yolo'; the models are yunet" in capsys.readouterr().err


def test_the_real_weights_pass(folder: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]):
    names = ["yunet", "yolox-nano", "mobilenet-v2"]
    assert main(["--dir", str(folder), "pull", *names, "--mirror", str(shared_data / "models")]) == 0
    assert main(["--dir", str(folder), "check"]) == 0
    said = capsys.readouterr().out
    assert "yolox-nano: ok, person, vehicle" in said
    assert "mobilenet-v2: ok, 1000 labels" in said
    assert "efficientnet-lite0: ok, 1000 labels" in said
    assert "face           YuNet-n (pulled)" in said
