"""License plates of a known font, in a scene that does not change."""

from __future__ import annotations

import string
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from services.common.media.vocabulary import Box

SCENE_SIZE: Final = (208, 96)
PLATE: Final = Box(44, 32, 164, 62)
_CHARACTERS: Final = string.ascii_uppercase + string.digits
_LENGTH: Final = 7
_CELL: Final = (16, 24)
_PAPER, _INK = 232, 24


def plate_texts(count: int, seed: int) -> list[str]:
    """So many texts that all differ, in an order that says nothing."""
    numbers = np.random.default_rng(seed).choice(len(_CHARACTERS) ** _LENGTH, count, replace=False)
    return [
        "".join(_CHARACTERS[number // len(_CHARACTERS) ** place % len(_CHARACTERS)] for place in range(_LENGTH))
        for number in map(int, numbers)
    ]


class PlateScene:
    """A car's back, grey, with a plate on it."""

    def __init__(self) -> None:
        self._glyphs = {character: _glyph(character) for character in _CHARACTERS}
        corners = np.array([[70, 96], [120, 60]], np.uint8)
        self._scene = np.asarray(cv2.resize(corners, SCENE_SIZE), np.uint8)
        left, top, right, bottom = (int(side) for side in (PLATE.left, PLATE.top, PLATE.right, PLATE.bottom))
        self._scene[top:bottom, left:right] = _INK
        self._scene[top + 1 : bottom - 1, left + 1 : right - 1] = _PAPER
        self._text_at = left + (right - left - _LENGTH * _CELL[0]) // 2, top + (bottom - top - _CELL[1]) // 2

    def draw(self, text: str) -> NDArray[np.uint8]:
        """The scene with this text on the plate."""
        picture = self._scene.copy()
        left, top = self._text_at
        line = np.hstack([self._glyphs[character] for character in text])
        picture[top : top + line.shape[0], left : left + line.shape[1]] = line
        return picture


def _glyph(character: str) -> NDArray[np.uint8]:
    width, height = _CELL
    large = Image.new("L", (width * 4, height * 4), _PAPER)
    # Pillow brings this font, so that the figures are the same everywhere.
    font = ImageFont.load_default(height * 4)
    ImageDraw.Draw(large).text((width * 2, height * 2), character, _INK, font, "mm")
    return np.asarray(large.resize(_CELL, Image.Resampling.BOX), np.uint8)
