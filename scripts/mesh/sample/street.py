"""A street with a parked car and two people before it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scripts.mesh.sample.person import SIZE, Person, render

_SIZE: Final = (960, 640)
_SCALE: Final = 3
"""Shapes are drawn so many times as large, for smooth edges."""
_PEOPLE: Final = (
    (Person(skin=(224, 172, 140), hair=(60, 40, 28), shirt=(52, 84, 132)), (30, 150), 0.95),
    (Person(skin=(150, 100, 72), hair=(22, 18, 16), shirt=(170, 60, 60), long_hair=True), (300, 215), 0.82),
)
_TEXT: Final = "DROP 42"


def render_street() -> NDArray[np.uint8]:
    """The picture, in BGR."""
    picture = np.asarray(_background(), np.float32)
    for person, (left, top), scale in _PEOPLE:
        size = round(SIZE[0] * scale), round(SIZE[1] * scale)
        pixels, alpha = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in render(person))
        below = picture[top : top + size[1], left : left + size[0]]
        height, width = below.shape[:2]
        share = alpha[:height, :width, None]
        below[...] = below * (1 - share) + pixels[:height, :width] * share
    grain = np.random.default_rng(1).normal(0, 2.5, picture.shape)
    return (picture + grain).clip(0, 255).astype(np.uint8)[..., ::-1].copy()


def _background() -> Image.Image:
    image = _gradient(_SIZE, (196, 214, 232), (150, 176, 204))
    _house(image)
    image.paste(_gradient((960, 60), (158, 155, 150), (132, 130, 128)), (0, 450))
    image.paste(_gradient((960, 130), (98, 100, 104), (74, 76, 80)), (0, 510))
    image = image.filter(ImageFilter.GaussianBlur(2.5))
    car = _car()
    image.paste(car, (540, 215), car)
    return image


def _house(image: Image.Image) -> None:
    image.paste(_gradient((960, 400), (186, 158, 134), (150, 126, 106)), (0, 50))
    for row in range(3):
        for column in range(7):
            left, top = 20 + column * 140, 75 + row * 125
            image.paste((214, 208, 196), (left, top, left + 80, top + 95))
            image.paste(_gradient((68, 83), (96, 116, 136), (52, 62, 74)), (left + 6, top + 6))


def _car() -> Image.Image:
    """A car from behind, with a license plate."""
    size = 400, 390
    car = Image.new("RGBA", size)
    shadow = _rounded(size, (30, 342, 370, 376), 17).filter(ImageFilter.GaussianBlur(8))
    car.paste((20, 20, 24, 255), mask=shadow)
    for left in (34, 296):
        car.paste((22, 22, 24, 255), mask=_rounded(size, (left, 290, left + 70, 372), 16))
    paint = _gradient(size, (150, 32, 40), (84, 14, 20))
    car.paste(paint, mask=_rounded(size, (70, 10, 330, 200), 60))
    car.paste(paint, mask=_rounded(size, (12, 120, 388, 335), 46))
    car.paste(_gradient(size, (120, 140, 156), (16, 20, 26)), mask=_rounded(size, (92, 34, 308, 128), 34))
    for left in (24, 306):
        car.paste(_gradient(size, (250, 70, 60), (110, 10, 16)), mask=_rounded(size, (left, 158, left + 70, 206), 16))
    car.paste(_gradient(size, (70, 16, 22), (38, 36, 38)), mask=_rounded(size, (8, 268, 392, 338), 26))
    car.paste(_plate(), (130, 212))
    return car


def _plate() -> Image.Image:
    width, height = 140, 36
    plate = Image.new("RGB", (width * _SCALE, height * _SCALE), (236, 236, 230))
    draw = ImageDraw.Draw(plate)
    draw.rectangle(_large(0, 0, width, height), outline=(30, 30, 30), width=2 * _SCALE)
    draw.rectangle(_large(2, 2, 14, height - 2), (30, 60, 150))
    font = ImageFont.load_default(26 * _SCALE)
    draw.text(
        ((width + 12) / 2 * _SCALE, height / 2 * _SCALE), _TEXT, (24, 24, 28), font, "mm", stroke_width=_SCALE // 2
    )
    return plate.resize((width, height), Image.Resampling.LANCZOS)


def _rounded(size: tuple[int, int], box: tuple[float, float, float, float], radius: float) -> Image.Image:
    """255 inside of a box with round corners."""
    mask = Image.new("L", (size[0] * _SCALE, size[1] * _SCALE))
    ImageDraw.Draw(mask).rounded_rectangle(_large(*box), radius * _SCALE, 255)
    return mask.resize(size, Image.Resampling.LANCZOS)


def _large(*sides: float) -> list[float]:
    return [side * _SCALE for side in sides]


def _gradient(size: tuple[int, int], above: tuple[int, int, int], below: tuple[int, int, int]) -> Image.Image:
    share = np.linspace(0, 1, size[1])[:, None, None]
    rows = np.array(above) * (1 - share) + np.array(below) * share
    return Image.fromarray(np.broadcast_to(rows, (size[1], size[0], 3)).astype(np.uint8))
