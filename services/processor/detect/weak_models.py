"""The warnings of objects that may not be found: of weak models, missing ones, and pictures that are too large."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.common.base.names import resource_name
from services.common.media.model import MediaWarning
from services.common.media.vocabulary import MediaKind, ObjectClass, WarningReason
from services.common.settings import PREFIX
from services.processor.models.entry import ModelEntry
from services.processor.models.registry import Registry

WEAK_RECALL = 0.75
"""A model that finds a smaller share of a class is weak for it."""
_LOOK = "look at the result, and cover what is missed with `regions`"


def weak_models(registry: Registry, serving: Mapping[ObjectClass, ModelEntry]) -> dict[ObjectClass, MediaWarning]:
    """The warning for each class that no model, or a weak one, serves; one without a measured recall is not weak."""
    found = {object_class: _warning(object_class, registry, serving.get(object_class)) for object_class in ObjectClass}
    return {object_class: warning for object_class, warning in found.items() if warning is not None}


def small_objects(limited_sizes: Mapping[ObjectClass, float], kind: MediaKind) -> tuple[MediaWarning, ...]:
    """The warning for each class whose small objects were not searched for, by their longer side in pixels."""
    more_time = f"raise {PREFIX}DETECTION_SECONDS, restart the processor and process the media again; or {_LOOK}"
    return tuple(
        MediaWarning(
            WarningReason.SMALL_OBJECTS,
            f"in a {kind} of this size, a {object_class.replace('_', ' ')} of less than {math.ceil(size)} pixels on "
            "its longer side may be missed",
            object_class,
            # Frames are shrunk to one size, however much time there is.
            advice=more_time if kind is MediaKind.IMAGE else _LOOK,
            smallest_pixels=math.ceil(size),
        )
        for object_class, size in sorted(limited_sizes.items())
    )


def _warning(object_class: ObjectClass, registry: Registry, entry: ModelEntry | None) -> MediaWarning | None:
    name = object_class.replace("_", " ")
    if entry is None:
        return MediaWarning(
            WarningReason.NO_MODEL,
            f"no model finds the class {name}: none was searched for",
            object_class,
            advice=_advice(object_class, registry, 0.0),
        )
    recall = entry.classes[object_class].recall
    if recall is None or recall >= WEAK_RECALL:
        return None
    return MediaWarning(
        WarningReason.WEAK_MODEL,
        f"the model {entry.name} finds about {recall:.0%} of the class {name}: some may not be covered",
        object_class,
        recall,
        resource_name("models", entry.name),
        _advice(object_class, registry, recall),
    )


def _advice(object_class: ObjectClass, registry: Registry, recall: float) -> str:
    """Names the preferred model that can be pulled and is better, if there is one."""
    for entry in registry.detectors_of(object_class):
        better = entry.classes[object_class].recall or 0.0
        if entry.sources and better > recall:
            pull = f"`scripts/models pull {entry.name}` (recall {better:.0%})"
            return f"run {pull}, restart the processor and process the media again; or {_LOOK}"
    return _LOOK
