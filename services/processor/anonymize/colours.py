"""Colours that a caller names, as numbers."""

from __future__ import annotations


def rgb_shares(color: str) -> tuple[float, float, float]:
    """Red, green and blue of a #rrggbb, each from 0 to 1."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red / 255, green / 255, blue / 255


def luma(red: float, green: float, blue: float) -> float:
    """How bright a colour is, as BT.601 weighs it."""
    return 0.299 * red + 0.587 * green + 0.114 * blue
