from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.search import (
    CLOSER_SHARE,
    Search,
    closer_views,
    find_views,
    fit_search,
    smallest_sizes,
    wants_closer,
)
from services.processor.models.entry import Closer, ModelEntry
from services.processor.vision.detections import TileShare

FACE, PLATE = ObjectClass.FACE, ObjectClass.LICENSE_PLATE
TILES = {"max_downscale": 1.5, "overlap": 0.2, "turns": 2}


def entry(**changes: Any) -> ModelEntry:
    """A model of two classes whose runs cost 0.1 s a megapixel of input."""
    values: dict[str, Any] = {
        "name": "m",
        "title": "m",
        "task": "detect",
        "file": "m.onnx",
        "sha256": "0" * 64,
        "size_bytes": 1,
        "licence": "MIT",
        "input": {"width": 384, "height": 384, "stride": 32, "cost": 0.1},
        "decoder": {"name": "dropmesh"},
        "tiles": TILES,
        "classes": {
            "face": {"outputs": [0], "threshold": 0.5, "smallest": 30},
            "license_plate": {"outputs": [1], "threshold": 0.5, "smallest": 45},
        },
    }
    return ModelEntry.model_validate(values | changes)


def cost(model: ModelEntry, width: int, height: int, search: Search) -> float:
    views = find_views(width, height, model, [FACE, PLATE], search)
    return sum(0.1 * view.input_megapixels for view in views)


def test_classes_that_need_the_same_views_share_them():
    views = find_views(4000, 3000, entry(), [FACE, PLATE], Search())
    assert set(views.values()) == {frozenset({FACE, PLATE})}


def test_a_picture_within_the_budget_is_searched_as_closely_as_the_registry_plans():
    model = entry()
    assert fit_search(4000, 3000, [(model, [FACE])], Search(), 3.0) == Search()
    assert smallest_sizes(4000, 3000, model, [FACE], Search())[FACE] <= 30 * 1.5


def test_beyond_the_budget_parts_are_shrunk_more_and_larger_objects_are_found():
    model = entry()
    fitted = fit_search(8000, 6000, [(model, [FACE, PLATE])], Search(), 1.0)
    assert fitted.coarser > 1
    assert 0.7 <= cost(model, 8000, 6000, fitted) <= 1.0
    sizes = smallest_sizes(8000, 6000, model, [FACE, PLATE], fitted)
    assert sizes[FACE] > 45
    assert sizes[PLATE] == pytest.approx(1.5 * sizes[FACE])


def test_a_budget_that_does_not_suffice_for_the_whole_picture_leaves_that():
    fitted = fit_search(8000, 6000, [(entry(), [FACE])], Search(), 0.0001)
    assert len(find_views(8000, 6000, entry(), [FACE], fitted)) == 1


def test_a_share_of_the_parts_changes_nothing_about_what_the_parts_are():
    model = entry()
    searches = [
        fit_search(4000, 3000, [(model, [FACE])], Search(tile_share=TileShare(turn, 5)), 0.3) for turn in range(2)
    ]
    assert len({search.coarser for search in searches}) == 1
    shared = [set(find_views(4000, 3000, model, [FACE], search)) for search in searches]
    assert shared[0] | shared[1] == set(find_views(4000, 3000, model, [FACE], Search(searches[0].coarser)))


def test_unsure_places_are_searched_again_best_first_as_far_as_their_share_goes():
    model, closer = entry(), Closer(longest_side=64, score=0.1, threshold=0.5)
    views = list(find_views(4000, 3000, model, [FACE], Search(is_still=True)))
    places = [(10.0 * number, 0.0, 10.0 * number + 20, 30.0) for number in range(390)]
    chosen = closer_views(4000, 3000, model, closer, places, views)
    allowed = CLOSER_SHARE * sum(view.input_megapixels for view in views)
    assert 0.9 * allowed < sum(view.input_megapixels for view in chosen) <= allowed
    assert chosen == closer_views(4000, 3000, model, closer, places[: len(chosen)], views)
    assert closer_views(300, 200, model, closer, places, list(find_views(300, 200, model, [FACE], Search()))) == []


@pytest.mark.parametrize(
    ("width", "height", "is_still", "wanted"),
    [(2000, 10, True, True), (10, 2000, True, True), (1999, 1999, True, False), (2000, 2000, False, False)],
)
def test_unsure_places_are_searched_again_in_large_stills(width: int, height: int, is_still: bool, wanted: bool):
    closer = Closer(longest_side=64, from_side=2000, score=0.1, threshold=0.5)
    assert wants_closer(width, height, closer, Search(is_still=is_still)) is wanted
    assert not wants_closer(width, height, None, Search(is_still=is_still))


def test_only_the_classes_that_ask_for_it_are_searched_turned_and_only_in_stills():
    served = {"outputs": [0], "threshold": 0.5, "turned": {"longest_side": 256, "threshold": 0.6}}
    model = entry(classes={"face": served, "license_plate": {"outputs": [1], "threshold": 0.5}})
    views = find_views(640, 480, model, [FACE, PLATE], Search(is_still=True))
    assert [classes for view, classes in views.items() if view.quarter_turns] == [frozenset({FACE})] * 2
    assert not any(view.quarter_turns for view in find_views(640, 480, model, [FACE, PLATE], Search()))


@settings(deadline=None)
@given(width=st.integers(1, 12_000), height=st.integers(1, 12_000), budget=st.floats(0.02, 5), is_still=st.booleans())
def test_the_budget_is_kept_wherever_the_whole_picture_fits_in_it(
    width: int, height: int, budget: float, is_still: bool
):
    search = fit_search(width, height, [(entry(), [FACE, PLATE])], Search(is_still=is_still), budget)
    assert cost(entry(), width, height, search) <= budget
