"""How closely a picture is searched: the views of each model, and what a budget leaves of them.

A budget is a number of CPU seconds, but no clock is read: what a run costs follows from the size of its input and from
the registry. So what is found in a picture does not depend on how fast or how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.common.media.vocabulary import ObjectClass
from services.processor.detect.views import View, plan_closer_view, plan_turned_views, plan_views
from services.processor.models.entry import Closer, ModelEntry
from services.processor.vision.detections import TileShare

COARSER_STEP = 1.05
CLOSER_SHARE = 0.25
"""The second search of unsure places costs at most this share of the first; that of 54 faces in 12 megapixels .15."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a picture is searched."""

    coarser: float = 1.0
    """Parts of the picture are shrunk so many times as much as the registry plans."""
    is_still: bool = False
    """Whether objects that lie on their side are looked for, and unsure places are searched again."""
    tile_share: TileShare | None = None
    """The parts that one of several detections covers; None means all."""


def find_views(
    width: int, height: int, entry: ModelEntry, classes: Collection[ObjectClass], search: Search
) -> Mapping[View, frozenset[ObjectClass]]:
    """The views of a picture that a model is run on, and the classes that each is for."""
    views: dict[View, frozenset[ObjectClass]] = {}
    for object_class in classes:
        served = entry.classes[object_class]
        tiles = served.tiles or entry.tiles
        whole, *parts = plan_views(width, height, entry.required_input, tiles, search.coarser)
        if search.tile_share is not None and tiles is not None:
            turns = min(tiles.turns, search.tile_share.most)
            parts = parts[search.tile_share.turn % turns :: turns]
        if search.is_still and served.turned is not None:
            parts += plan_turned_views(width, height, entry.required_input, served.turned.longest_side)
        for view in (whole, *parts):
            views[view] = views.get(view, frozenset()) | {object_class}
    return views


def wants_closer(width: int, height: int, closer: Closer | None, search: Search) -> bool:
    """Whether unsure places of such a picture are searched again."""
    return search.is_still and closer is not None and max(width, height) >= closer.from_side


def closer_views(
    width: int, height: int, entry: ModelEntry, closer: Closer, places: Iterable[Sequence[float]], views: Sequence[View]
) -> list[View]:
    """The views of unsure places after these views, the best place first; none where the whole picture was enough."""
    if not any(view.is_part_of(width, height) for view in views):
        return []
    stride = entry.required_input.stride or 1
    left = CLOSER_SHARE * sum(view.input_megapixels for view in views)
    chosen: list[View] = []
    for place in places:
        view = plan_closer_view(width, height, stride, place, closer.longest_side)
        left -= view.input_megapixels
        if left < 0:
            break
        chosen.append(view)
    return chosen


def fit_search(
    width: int,
    height: int,
    models: Sequence[tuple[ModelEntry, Collection[ObjectClass]]],
    search: Search,
    budget_seconds: float,
) -> Search:
    """The same search, as coarse as the budget requires; the whole picture is searched at any cost.

    The share of the parts is left out of the sum: all detections of a video use the same parts.
    """
    full = replace(search, tile_share=None)
    while True:
        views = [(entry, view) for entry, classes in models for view in find_views(width, height, entry, classes, full)]
        if _cost(views) <= budget_seconds or not any(view.is_part_of(width, height) for _, view in views):
            return replace(search, coarser=full.coarser)
        full = replace(full, coarser=full.coarser * COARSER_STEP)


def search_cost(
    width: int, height: int, models: Sequence[tuple[ModelEntry, Collection[ObjectClass]]], search: Search
) -> float:
    """Returns the usual CPU seconds of a search."""
    return _cost(
        (entry, view) for entry, classes in models for view in find_views(width, height, entry, classes, search)
    )


def _cost(views: Iterable[tuple[ModelEntry, View]]) -> float:
    return sum(entry.required_input.cost * view.input_megapixels for entry, view in views)


def smallest_sizes(
    width: int, height: int, entry: ModelEntry, classes: Collection[ObjectClass], search: Search
) -> dict[ObjectClass, float]:
    """Returns, for each class, the longer side in pixels of the picture from which objects are found."""
    sizes: dict[ObjectClass, float] = {}
    for view, searched in find_views(width, height, entry, classes, search).items():
        for object_class in searched:
            size = entry.classes[object_class].smallest / view.scale
            sizes[object_class] = min(size, sizes.get(object_class, size))
    return sizes
