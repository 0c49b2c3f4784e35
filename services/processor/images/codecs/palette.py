"""Choosing the colours of a frame: exactly its own where a palette holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TRANSPARENT = 255
MOST_COLOURS = 256
_OPAQUE = 128


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as a table of 256 RGB triples."""

    table: bytes
    has_transparent: bool
    """The last entry is no colour but transparency; else all 256 may be colours."""


class PaletteChooser:
    """Maps pixels to palettes; what frames before had is used again while it serves, so that colours hold still."""

    def __init__(self) -> None:
        self._colours: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._indexes = np.zeros(1 << 24, np.uint8)

    def choose(self, pixels: NDArray[np.uint8], own: NDArray[np.uint32] | None) -> tuple[Palette, NDArray[np.uint8]]:
        """The palette of an RGBA picture and each pixel's index in it.

        `own` are the colours that it had before anything was covered, where they are few: those stay exact, and
        the colours of covers share what room is left.
        """
        packed, opaque = _pack(pixels), pixels[..., 3] >= _OPAQUE
        found = np.unique(packed[opaque])
        room = MOST_COLOURS if opaque.all() else MOST_COLOURS - 1
        together = np.concatenate([self._colours, np.setdiff1d(found, self._colours, assume_unique=True)])
        if len(together) < MOST_COLOURS:
            self._colours = together
        elif len(found) <= room:
            self._colours = found
        elif own is None or len(own) > room:
            self._colours = _reduce(packed[opaque], MOST_COLOURS - 1)
        else:
            foreign = packed[opaque & ~np.isin(packed, own)]
            self._colours = np.union1d(own, _reduce(foreign, MOST_COLOURS - 1 - len(own)))
        self._index(np.setdiff1d(found, self._colours))
        indexes = self._indexes[packed]
        indexes[~opaque] = TRANSPARENT
        return Palette(_table(self._colours), len(self._colours) < MOST_COLOURS), indexes

    def _index(self, others: NDArray[np.uint32]) -> None:
        self._indexes[self._colours] = np.arange(len(self._colours), dtype=np.uint8)
        if not len(others):
            return
        # Colours alike to five bits a channel share their nearest: at most 32,768 searches for any picture.
        coarse = (others >> 9 & 0x7C00) | (others >> 6 & 0x3E0) | (others >> 3 & 0x1F)
        keys, position = np.unique(coarse, return_inverse=True)
        sought = np.stack([keys >> 10, keys >> 5 & 31, keys & 31], axis=1).astype(np.float32) * 8 + 4
        own = np.stack([self._colours >> 16, self._colours >> 8 & 255, self._colours & 255], axis=1).astype(np.float32)
        distance = np.square(own).sum(axis=1)[None, :] - 2 * sought @ own.T
        self._indexes[others] = distance.argmin(axis=1).astype(np.uint8)[position]


def few_colours(pixels: NDArray[np.uint8]) -> NDArray[np.uint32] | None:
    """The distinct colours of an RGBA picture where a palette holds them all."""
    colours = np.unique(_pack(pixels)[pixels[..., 3] >= _OPAQUE])
    return colours if len(colours) <= MOST_COLOURS else None


def _pack(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    packed: NDArray[np.uint32] = (red << 16 | green << 8 | blue).astype(np.uint32, copy=False)
    return packed


def _reduce(packed: NDArray[np.uint32], most: int) -> NDArray[np.uint32]:
    if most < 1:
        return np.empty(0, np.uint32)
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.uint8)
    image = Image.fromarray(colours.reshape(1, -1, 3))
    table = image.quantize(most, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).getpalette() or []
    return np.unique(_pack(np.array(table, np.uint8).reshape(-1, 3)[:most]))


def _table(colours: NDArray[np.uint32]) -> bytes:
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    return table.tobytes()
