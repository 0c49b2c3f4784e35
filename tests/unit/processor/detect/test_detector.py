from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from services.common.media.vocabulary import Box, ObjectClass
from services.processor.detect.detector import ComposedDetector, open_detector
from services.processor.models.entry import ModelEntry
from services.processor.models.errors import ProviderMissing, WeightsDamaged
from services.processor.models.registry import Registry
from services.processor.models.runtime import Provider, Runtime
from services.processor.models.store import ModelStore
from services.processor.vision.detections import Picture, TileShare
from tests.support.onnx_models import entry_for, save_brightness, save_saying

FACE, PERSON, PLATE = ObjectClass.FACE, ObjectClass.PERSON, ObjectClass.LICENSE_PLATE
ALL = frozenset(ObjectClass)
TWO_CLASSES = {
    "face": {"outputs": [0], "threshold": 0.5},
    "person": {"outputs": [1], "threshold": 0.5},
}


def picture(width: int = 64, height: int = 64, value: int = 0) -> Picture:
    return np.full((height, width, 3), value, np.uint8)


def detector(folder: Path, *entries: ModelEntry, only: frozenset[str] | None = None) -> ComposedDetector:
    registry = Registry({entry.name: entry for entry in entries})
    return open_detector(registry, ModelStore(folder, bundled=folder), Runtime(), only=only)


def test_boxes_come_in_pixels_of_the_picture_clipped_and_best_first(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[10, 5, 20, 15, 0.6, 0], [-8, 20, 12, 40, 0, 0.9]])
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", classes=TWO_CLASSES)).detect(picture(128, 96), ALL)
    assert [(each.object_class, round(each.score, 3)) for each in found] == [(PERSON, 0.9), (FACE, 0.6)]
    assert [each.box for each in found] == [Box(0, 40, 24, 80), Box(20, 10, 40, 30)]


def test_only_the_classes_asked_for_and_only_above_the_threshold(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[10, 5, 20, 15, 0.6, 0.6], [30, 5, 40, 15, 0.3, 0.3]])
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", classes=TWO_CLASSES))
    assert {each.object_class for each in found.detect(picture(), frozenset({FACE}))} == {FACE}
    assert len(found.detect(picture(), frozenset({FACE}))) == 1
    assert len(found.detect(picture(), frozenset({FACE}), {FACE: 0.2})) == 2
    assert found.detect(picture(), frozenset({FACE}), {FACE: 0.7}) == []
    assert found.detect(picture(), frozenset({PLATE})) == []


def test_a_person_and_a_face_in_the_same_place_are_two_objects(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[10, 5, 20, 15, 0.6, 0.8], [10, 5, 21, 15, 0.7, 0.6]])
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", classes=TWO_CLASSES)).detect(picture(), ALL)
    assert [each.object_class for each in found] == [PERSON, FACE]


def test_a_batch_answers_for_each_picture_in_order(tmp_path: Path):
    save_brightness(tmp_path / "m.onnx")
    free = {"width": 64, "height": 64, "stride": 32, "batch": 8, "padding": 0}
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", input=free)).detect_batch(
        [picture(value=204), picture(32, 32, 153), picture(value=51), picture(value=255)], ALL
    )
    assert [[round(each.score, 2) for each in one] for one in found] == [[0.8], [0.6], [], [1.0]]


def test_tiles_see_what_the_whole_is_too_coarse_for_and_an_object_is_told_once(tmp_path: Path):
    save_brightness(tmp_path / "m.onnx")
    tiled = {"tiles": {"max_downscale": 1.0, "overlap": 0.0}}
    scene = picture(128, 128)
    scene[64:, 64:] = 255
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", **tiled)).detect(scene, ALL)
    assert [each.box for each in found] == [Box(64, 64, 80, 80)]


def test_threads_that_help_change_nothing_but_the_time(tmp_path: Path):
    save_brightness(tmp_path / "tiled.onnx")
    save_saying(tmp_path / "whole.onnx", [[8, 8, 24, 24, 0, 0.9]])
    face, person = ({name: TWO_CLASSES[name]} for name in ("face", "person"))
    tiles = {"max_downscale": 1.0, "overlap": 0.2}
    alone = detector(
        tmp_path,
        entry_for(tmp_path / "tiled.onnx", "tiled", classes=face, tiles=tiles),
        entry_for(tmp_path / "whole.onnx", "whole", classes=person),
    )
    scenes = [np.random.default_rng(seed).integers(140, 256, (150, 190, 3), np.uint8) for seed in range(3)]
    with ThreadPoolExecutor(3) as helpers:
        assert alone.with_helpers(helpers).detect_batch(scenes, ALL) == alone.detect_batch(scenes, ALL)
    assert {found.object_class for found in alone.detect(scenes[0], ALL)} == {FACE, PERSON}


def test_a_frame_is_searched_whole_and_in_a_share_of_the_tiles_that_take_turns(tmp_path: Path):
    save_brightness(tmp_path / "m.onnx")
    tiled = {"tiles": {"max_downscale": 1.0, "overlap": 0.0, "turns": 2}}
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", **tiled))
    scene = picture(128, 128)
    scene[64:, 64:] = 255
    found_in_frames = [found.detect_frame(scene, ALL, None, TileShare(turn, 5)) for turn in range(4)]
    assert [[each.box for each in one] for one in found_in_frames] == [
        [],
        [Box(64, 64, 80, 80)],
        [],
        [Box(64, 64, 80, 80)],
    ]
    assert found.detect_frame(picture(128, 128, 255), ALL, None, TileShare(7, 9))[0].box == Box(0, 0, 32, 32)


def test_a_class_may_be_looked_for_in_tiles_and_another_in_the_whole(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[8, 8, 24, 24, 0.9, 0.9]])
    tiled = {"face": TWO_CLASSES["face"] | {"tiles": {"max_downscale": 1.0, "overlap": 0.0}}}
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", classes=TWO_CLASSES | tiled))
    assert len(found.detect(picture(128, 128), frozenset({PERSON}))) == 1
    both = found.detect(picture(128, 128), ALL)
    assert [each.box for each in both if each.object_class is PERSON] == [Box(16, 16, 48, 48)]
    assert Box(72, 72, 88, 88) in [each.box for each in both if each.object_class is FACE]


def test_shapes_that_the_class_cannot_have_are_dropped(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 0, 60, 15, 0.9], [0, 0, 10, 30, 0.9], [20, 30, 50, 40, 0.9]])
    plate = {"license_plate": {"outputs": [0], "threshold": 0.5, "aspect": [1.2, 8], "largest": 0.5}}
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", classes=plate)).detect(picture(), ALL)
    assert [each.box for each in found] == [Box(20, 30, 50, 40)]


def test_each_class_is_served_by_the_preferred_model_that_is_there(tmp_path: Path):
    save_saying(tmp_path / "small.onnx", [[0, 0, 10, 10, 0.6, 0.6]])
    save_saying(tmp_path / "good.onnx", [[0, 0, 20, 20, 0.9]])
    small = entry_for(tmp_path / "small.onnx", "small", classes=TWO_CLASSES, bundled=True)
    good = entry_for(
        tmp_path / "good.onnx", "good", classes={"face": {"outputs": [0], "threshold": 0.5, "priority": 9}}
    )
    both = detector(tmp_path, good, small)
    assert both.versions == {"good": good.sha256[:12], "small": small.sha256[:12]}
    assert {each.object_class: each.box.width for each in both.detect(picture(), ALL)} == {FACE: 20, PERSON: 10}
    assert detector(tmp_path, good, small, only=frozenset({"small"})).versions == {"small": small.version}
    (tmp_path / "good.onnx").unlink()
    assert detector(tmp_path, good, small).classes == {FACE, PERSON}


def test_without_any_model_nothing_is_found_and_nothing_fails(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 0, 10, 10, 0.6]])
    entry = entry_for(tmp_path / "m.onnx", "m")
    (tmp_path / "m.onnx").unlink()
    nothing = detector(tmp_path, entry)
    assert nothing.classes == frozenset()
    assert nothing.detect(picture(), ALL) == []


def test_weights_that_are_not_what_the_registry_pins_are_refused(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 0, 10, 10, 0.6]])
    entry = entry_for(tmp_path / "m.onnx", "m")
    save_saying(tmp_path / "m.onnx", [[0, 0, 10, 10, 0.7]])
    with pytest.raises(WeightsDamaged, match=r"m\.onnx: sha256 is .*, the registry says"):
        detector(tmp_path, entry)


def test_a_device_that_is_not_there_is_said_at_once(tmp_path: Path):
    with pytest.raises(ProviderMissing, match="cuda"):
        open_detector(Registry({}), ModelStore(tmp_path), Runtime(Provider.CUDA))


def test_each_run_is_told_to_who_asked(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 0, 10, 10, 0.6]])
    told: list[str] = []
    registry = Registry({"m": entry_for(tmp_path / "m.onnx", "m")})
    runtime = Runtime(observe=lambda name, seconds: told.append(name) if seconds >= 0 else None)
    open_detector(registry, ModelStore(tmp_path), runtime).detect(picture(), ALL)
    assert told == ["m"]


def test_an_object_that_lies_on_its_side_is_found_turned_where_it_scores_enough(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[8, 16, 24, 48, 0.7, 0]])
    free = {"width": 64, "height": 64, "stride": 32}
    served = TWO_CLASSES["face"] | {"turned": {"longest_side": 64, "threshold": 0.65}}
    turned = entry_for(tmp_path / "m.onnx", "m", input=free, classes={"face": served})
    boxes = [each.box for each in detector(tmp_path, turned).detect(picture(), ALL)]
    assert boxes == [Box(8, 16, 24, 48), Box(16, 8, 48, 24), Box(16, 40, 48, 56)]
    assert len(detector(tmp_path, turned).detect_frame(picture(), ALL, None, None)) == 1
    unsure = served | {"turned": {"longest_side": 64, "threshold": 0.8}}
    upright = entry_for(tmp_path / "m.onnx", "m", input=free, classes={"face": unsure})
    assert len(detector(tmp_path, upright).detect(picture(), ALL)) == 1


def test_an_unsure_place_of_a_large_still_is_found_closer_where_it_scores_enough(tmp_path: Path):
    save_brightness(tmp_path / "m.onnx")
    free = {"width": 64, "height": 64, "stride": 32, "padding": 0}
    tiles = {"max_downscale": 1.0, "overlap": 0.0}

    def with_closer(score: float, threshold: float) -> ComposedDetector:
        served = TWO_CLASSES["face"] | {"closer": {"longest_side": 32, "score": score, "threshold": threshold}}
        return detector(
            tmp_path, entry_for(tmp_path / "m.onnx", "m", input=free, tiles=tiles, classes={"face": served})
        )

    scene = picture(128, 128)
    scene[:24, :24] = 255
    (found,) = with_closer(0.1, 0.5).detect(scene, ALL)
    assert (found.box, round(found.score, 2)) == (Box(0, 0, 8, 8), 0.56)
    assert with_closer(0.2, 0.5).detect(scene, ALL) == []
    assert with_closer(0.1, 0.6).detect(scene, ALL) == []
    assert with_closer(0.1, 0.5).detect(scene, ALL, {FACE: 0.6}) == []
    assert with_closer(0.1, 0.5).detect(scene[:64, :64], ALL) == []
    assert with_closer(0.1, 0.5).detect_frame(scene, ALL, None, None) == []


def test_boxes_grow_by_the_share_that_the_registry_names_and_stay_in_the_picture(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 20, 40, 40, 0.9]])
    plate = {"license_plate": {"outputs": [0], "threshold": 0.5, "grow": 0.1}}
    found = detector(tmp_path, entry_for(tmp_path / "m.onnx", "m", classes=plate)).detect(picture(), ALL)
    assert [each.box for each in found] == [Box(0, 18, 44, 42)]


def test_what_a_picture_is_too_large_for_is_stated_with_the_size_that_is_found(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 0, 10, 10, 0.9]])
    tiled = entry_for(tmp_path / "m.onnx", "m", tiles={"max_downscale": 1.0, "overlap": 0.2})
    registry, store = Registry({"m": tiled}), ModelStore(tmp_path, bundled=tmp_path)
    rich, poor = (open_detector(registry, store, Runtime(), budget_seconds=seconds) for seconds in (30.0, 0.05))
    assert rich.limited_sizes(2000, 1500, ALL) == {}
    limited = poor.limited_sizes(2000, 1500, ALL)
    assert set(limited) == rich.classes
    assert min(limited.values()) > 32
    assert poor.limited_sizes(60, 60, ALL) == {}


def test_what_a_shrunk_picture_is_too_small_for_is_stated_in_pixels_of_the_whole_one(tmp_path: Path):
    save_saying(tmp_path / "m.onnx", [[0, 0, 10, 10, 0.9]])
    tiled = entry_for(tmp_path / "m.onnx", "m", tiles={"max_downscale": 1.0, "overlap": 0.2})
    composed = open_detector(Registry({"m": tiled}), ModelStore(tmp_path, bundled=tmp_path), Runtime())
    size = tiled.required_input.width
    whole = composed.limited_sizes(2 * size, 2 * size, ALL, shrink=1.0)
    shrunk = composed.limited_sizes(2 * size, 2 * size, ALL, shrink=0.5)
    assert whole == {}
    assert set(shrunk) == composed.classes
    assert set(shrunk.values()) == {64.0}
