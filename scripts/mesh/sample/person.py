"""A person from the shoulders up, rendered: a face as heights over a plane, and light on their slopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Map: TypeAlias = NDArray[np.float32]
Color: TypeAlias = tuple[int, int, int]
Lay: TypeAlias = Callable[..., None]

SIZE: Final = (420, 520)
"""Width and height of a rendered person; the face is half as wide."""
_LIGHT: Final = np.array([-0.45, -0.55, 0.75], np.float32)
_AMBIENT: Final = 0.42


@dataclass(frozen=True, slots=True)
class Person:
    """The colours of a person, in RGB."""

    skin: Color
    hair: Color
    shirt: Color
    long_hair: bool = False


def render(person: Person) -> tuple[NDArray[np.uint8], Map]:
    """The picture in RGB, and how much of each pixel the person covers."""
    width, height = SIZE
    # One unit is half the width of the face; its middle is at the origin.
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x - width / 2) / (width / 4), (y - height * 0.42) / (width / 4)
    picture = np.zeros((height, width, 3), np.float32)
    alpha = np.zeros((height, width), np.float32)

    def lay(color: Color, mask: Map, light: Map | float = 1.0) -> None:
        shown = np.array(color, np.float32) * np.broadcast_to(np.float32(light), mask.shape)[..., None]
        below = alpha * (1 - mask)
        alpha[...] = mask + below
        picture[...] = (shown * mask[..., None] + picture * below[..., None]) / np.maximum(alpha, 1e-6)[..., None]

    round_shade = _lit(np.sqrt(np.maximum(0.0, 1.6 - (x / 1.2) ** 2)) + 0 * y)
    if person.long_hair:
        lay(person.hair, _inside((x / 1.2) ** 2 + ((y - 0.15) / 1.62) ** 2), round_shade * 0.8)
    lay(
        person.shirt,
        _inside((x / 2.0) ** 4 + ((y - 2.75) / 1.15) ** 4),
        _lit(1.2 * np.sqrt(np.maximum(0, 1.2 - (x / 2) ** 2)) - 0.3 * y),
    )
    lay(person.skin, _inside((x / 0.52) ** 4 + ((y - 1.3) / 0.75) ** 4), round_shade * 0.72)
    for side in (-1, 1):
        lay(person.skin, _inside(((x - side * 1.0) / 0.16) ** 2 + ((y - 0.1) / 0.3) ** 2), 0.75)
    _lay_face(person, x, y, lay)
    hair = _inside((x / 1.05) ** 2 + ((y + 0.25) / 1.25) ** 2) * _inside(
        (np.maximum(0, y + 0.72 + 0.25 * x * x) / 0.2) ** 2 + 0 * x, 0.3
    )
    strands = 1 + 0.12 * np.sin(38 * x + 9 * np.sin(3 * y))
    lay(person.hair, hair, round_shade * strands)
    return picture.clip(0, 255).astype(np.uint8), alpha


def _lay_face(person: Person, x: Map, y: Map, lay: Lay) -> None:
    jaw = np.where(y > 0, 1.0 - 0.16 * np.clip(y, 0, 2) ** 1.6, 1.0)
    face = _inside((x / jaw) ** 2 + (y / 1.32) ** 2)
    lay(person.skin, face, _lit(_heights(x, y)))
    flush = 0.25 * (_bump(x - 0.5, y - 0.35, 0.25, 0.22) + _bump(x + 0.5, y - 0.35, 0.25, 0.22))
    lay((200, 90, 80), (flush * face).astype(np.float32), _lit(_heights(x, y)))
    for side in (-1, 1):
        ex, ey = x - side * 0.42, y + 0.13
        eye = _inside((ex / 0.2) ** 2 + (ey / (0.085 + 0.02 * np.cos(8 * ex))) ** 2)
        lay((235, 232, 226), eye, 0.92)
        lay((70, 48, 32), eye * _inside((ex / 0.085) ** 2 + (ey / 0.088) ** 2))
        lay((12, 10, 10), eye * _inside((ex / 0.042) ** 2 + (ey / 0.042) ** 2))
        lay((255, 255, 255), eye * _inside(((ex + 0.03) / 0.018) ** 2 + ((ey + 0.03) / 0.018) ** 2))
        lid = _bump(ex, ey + 0.085 + 0.25 * ex * ex, 0.2, 0.028)
        lay((40, 26, 22), np.clip(lid * 1.3, 0, 1) * face)
        brow = _bump(ex - side * 0.02, ey + 0.27 - 0.6 * (ex - side * 0.05) ** 2, 0.22, 0.05)
        lay(person.hair, np.clip(brow * 1.4 - 0.15, 0, 0.9) * face)
        nostril = _bump(x - side * 0.12, y - 0.43, 0.055, 0.03)
        lay((70, 32, 28), np.clip(nostril, 0, 0.8) * face)
    upper = _inside((x / 0.34) ** 2 + ((y - 0.735 + 0.06 * np.cos(9 * x) * np.exp(-((x / 0.15) ** 2))) / 0.075) ** 2)
    lower = _inside((x / 0.3) ** 2 + ((y - 0.81) / 0.09) ** 2)
    red, green, blue = person.skin
    lips = 0.75 * red, 0.46 * green, 0.5 * blue
    lay(lips, np.maximum(upper, lower) * 0.85, _lit(_heights(x, y)) * np.where(y < 0.77, 0.85, 1.05))
    lay((70, 25, 25), np.clip(_bump(x, y - 0.77 + 0.05 * x * x, 0.3, 0.018) * 1.2, 0, 0.9))


def _heights(x: Map, y: Map) -> Map:
    """How far the face stands out of the picture."""
    head = np.sqrt(np.maximum(0.02, 1.25 - x**2 - 0.55 * (y / 1.2) ** 2)) * 0.9
    bridge = 0.26 * np.exp(-((x / 0.13) ** 2)) * np.clip((y + 0.35) / 0.7, 0, 1) * (y < 0.42)
    tip = 0.2 * _bump(x, y - 0.38, 0.15, 0.1)
    wings = 0.1 * (_bump(x - 0.15, y - 0.4, 0.08, 0.08) + _bump(x + 0.15, y - 0.4, 0.08, 0.08))
    sockets = -0.13 * (_bump(x - 0.42, y + 0.12, 0.26, 0.16) + _bump(x + 0.42, y + 0.12, 0.26, 0.16))
    ridge = 0.06 * _bump(x, y + 0.36, 0.6, 0.1)
    cheeks = 0.08 * (_bump(x - 0.52, y - 0.3, 0.25, 0.22) + _bump(x + 0.52, y - 0.3, 0.25, 0.22))
    mouth = 0.09 * _bump(x, y - 0.78, 0.32, 0.17) - 0.05 * _bump(x, y - 0.95, 0.25, 0.05)
    chin = 0.1 * _bump(x, y - 1.12, 0.25, 0.15)
    heights = head + bridge + tip + wings + sockets + ridge + cheeks + mouth + chin
    return np.asarray(cv2.GaussianBlur(heights, (0, 0), 2.5), np.float32)


def _lit(heights: Map) -> Map:
    """The light on slopes, from the upper left."""
    unit = SIZE[0] / 4
    down, across = np.gradient(heights * unit)
    normal = np.dstack([-across, -down, np.ones_like(heights)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    diffuse = np.clip(normal @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    return np.asarray(_AMBIENT + 0.75 * diffuse, np.float32)


def _bump(x: Map, y: Map, wide: float, tall: float) -> Map:
    return np.asarray(np.exp(-((x / wide) ** 2) - (y / tall) ** 2), np.float32)


def _inside(distance: Map, soft: float = 0.06) -> Map:
    """1 where the distance is below 1, falling to 0 over a soft edge."""
    return np.asarray(np.clip((1 + soft - distance) / (2 * soft), 0, 1), np.float32)
