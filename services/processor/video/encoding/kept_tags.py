"""The tags of a video that its owner wants to keep: each value is checked, and no other tag is copied."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from services.common.media.vocabulary import KeptMetadata

_MOST_CHARACTERS: Final = 100
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DEGREES: Final = r"[+-]\d{1,3}(?:\.\d{1,9})?"
_PLACE: Final = re.compile(rf"{_DEGREES}{_DEGREES}(?:[+-]\d{{1,5}}(?:\.\d{{1,9}})?)?/", re.ASCII)


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _MOST_CHARACTERS and value.isprintable() and _UNREADABLE not in value


_MAKE: Final = "com.apple.quicktime.make"
_MODEL: Final = "com.apple.quicktime.model"
_LENS: Final = "com.apple.quicktime.camera.lens_model"
_DATE: Final = "com.apple.quicktime.creationdate"
_POSITION: Final = "com.apple.quicktime.location.ISO6709"
_TAGS: Final[Mapping[KeptMetadata, tuple[tuple[str, tuple[str, ...], Callable[[str], object]], ...]]] = {
    KeptMetadata.CAMERA: (
        (_MAKE, (_MAKE, "make", "com.android.manufacturer"), _is_text),
        (_MODEL, (_MODEL, "model", "com.android.model"), _is_text),
        (_LENS, (_LENS,), _is_text),
    ),
    KeptMetadata.CAPTURE_TIME: (
        # The first has the offset from UTC, the second is what players show.
        (_DATE, (_DATE,), _TIME.fullmatch),
        ("creation_time", ("creation_time",), _TIME.fullmatch),
    ),
    KeptMetadata.LOCATION: (
        (_POSITION, (_POSITION, "location"), _PLACE.fullmatch),
        ("location", (_POSITION, "location"), _PLACE.fullmatch),
    ),
}
"""By kind: the name in the result, the names in the source from the best on, and the check of its form."""


def kept_tags(tags: Mapping[str, str], kinds: Collection[KeptMetadata]) -> dict[str, str]:
    """The tags of these kinds; a value of another form is left out."""
    kept: dict[str, str] = {}
    for kind in KeptMetadata:
        if kind not in kinds:
            continue
        for target, names, form in _TAGS[kind]:
            found = [tags[name].strip() for name in names if name in tags]
            value = next((value for value in found if form(value)), None)
            if value is not None:
                kept[target] = value
    return kept
