"""Where the objects of a clip are, in each frame: kept as figures, made once by stronger detectors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from services.common.media.vocabulary import Box, ObjectClass

FILE: Final = Path(__file__).with_name("references.json")
BoxTrack: TypeAlias = Mapping[int, Box]
"""The box of one object in each frame that shows it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The objects of one class in the first frames of a clip."""

    clip: str
    object_class: ObjectClass
    frames: int
    tracks: Sequence[BoxTrack]


def read_references() -> list[Reference]:
    """Returns those that are kept."""
    return [
        Reference(
            kept["clip"],
            ObjectClass(kept["class"]),
            kept["frames"],
            [
                {track["first"] + number: Box(*map(float, box)) for number, box in enumerate(track["boxes"])}
                for track in kept["tracks"]
            ],
        )
        for kept in json.loads(FILE.read_text())
    ]


def write_references(references: Sequence[Reference]) -> None:
    """Keeps these and no others."""
    kept = [
        {
            "clip": reference.clip,
            "class": reference.object_class.value,
            "frames": reference.frames,
            "tracks": [
                {
                    "first": min(track),
                    "boxes": [
                        [round(side) for side in (box.left, box.top, box.right, box.bottom)]
                        for _, box in sorted(track.items())
                    ],
                }
                for track in reference.tracks
            ],
        }
        for reference in references
    ]
    FILE.write_text(json.dumps(kept, separators=(",", ":")) + "\n")
