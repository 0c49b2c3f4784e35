from __future__ import annotations

from pathlib import Path

import pytest

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.decoders import open_decoder
from services.processor.models.entry import Task
from services.processor.models.errors import RegistryInvalid
from services.processor.models.registry import load_registry, parse_registry
from services.processor.models.store import BUNDLED_FOLDER, ModelStore, Presence

MINE = """
[models.mine]
title = "Mine"
task = "detect"
file = "mine.onnx"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
size_bytes = 10
licence = "MIT"
input = { width = 320, height = 320 }
decoder = { name = "yolox" }
classes.vehicle = { outputs = [2], threshold = 0.3, priority = 99 }
"""


def test_the_projects_registry_describes_decoders_that_exist():
    for entry in load_registry():
        if entry.task is Task.DETECT:
            open_decoder(entry.name, entry.decoder)


def test_every_class_has_weights_that_need_no_download():
    registry = load_registry()
    for object_class in ObjectClass:
        assert any(entry.bundled for entry in registry.detectors_of(object_class))


def test_the_bundled_files_are_what_the_registry_pins(tmp_path: Path):
    bundled = [entry for entry in load_registry() if entry.bundled]
    assert bundled
    for entry in bundled:
        assert ModelStore(tmp_path).look(entry) is Presence.BUNDLED
        assert (BUNDLED_FOLDER / entry.file).stat().st_size == entry.size_bytes


def test_every_source_names_one_version():
    for entry in load_registry():
        for source in entry.sources:
            assert any(len(part) == 40 for part in source.url.split("/"))


def test_a_model_of_ones_own_is_an_entry_in_the_models_folder(tmp_path: Path):
    (tmp_path / "registry.toml").write_text(MINE)
    registry = load_registry(tmp_path)
    assert registry.detectors_of(ObjectClass.VEHICLE)[0].name == "mine"
    assert "yunet" in registry


def test_an_entry_of_the_same_name_replaces_the_projects(tmp_path: Path):
    (tmp_path / "registry.toml").write_text(MINE.replace("models.mine", "models.yunet"))
    assert load_registry(tmp_path)["yunet"].title == "Mine"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("threshold = 0.3", "threshold = 3"), r"mine\.toml: models\.mine\.classes\.vehicle\.threshold"),
        (("vehicle =", "car ="), r"models\.mine\.classes\.car"),
        (("0000000000", "xyz"), r"models\.mine\.sha256"),
        (('title = "Mine"', 'titel = "Mine"'), r"models\.mine\.title"),
        (("mine.onnx", "../mine.onnx"), r"models\.mine\.file"),
        (("input =", "inputs ="), r"models\.mine\.inputs"),
        (('task = "detect"', 'task = "classify"'), "a classifier needs labels"),
        (("[models.mine]", "[model.mine]"), "unknown table 'model'"),
        (("[models.mine]", "[models.mine"), "not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_key(change: tuple[str, str], said: str):
    with pytest.raises(RegistryInvalid, match=said):
        parse_registry(MINE.replace(*change), "mine.toml")


def test_a_classifier_without_its_labels_is_a_mistake(tmp_path: Path):
    text = MINE.replace('"detect"', '"classify"') + 'labels = "words"\n'
    (tmp_path / "registry.toml").write_text(text.replace("classes.vehicle", "# "))
    with pytest.raises(RegistryInvalid, match=r"models\.mine\.labels: no labels are called 'words'"):
        load_registry(tmp_path)
