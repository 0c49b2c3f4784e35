from __future__ import annotations

import numpy as np
import pytest

from services.processor.images.raster import Channels, Raster

YELLOW = "#ffcc00"
SIZES = {Channels.GREY: 0, Channels.GREY_ALPHA: 2, Channels.RGB: 3, Channels.RGBA: 4, Channels.CMYK: 4}


def raster(channels: Channels, dtype: str = "uint8") -> Raster:
    shape = (2, 2, SIZES[channels]) if SIZES[channels] else (2, 2)
    return Raster(np.zeros(shape, dtype), channels)


@pytest.mark.parametrize("color", ["#000000", "#ffffff", YELLOW, "#102030", "#800000"])
@pytest.mark.parametrize("channels", [Channels.RGB, Channels.RGBA, Channels.CMYK])
def test_a_colour_looks_the_same_in_all_channels(channels: Channels, color: str) -> None:
    painted = raster(channels)
    painted.pixels[...] = np.rint(painted.channel_values(color))
    blue, green, red = painted.picture()[0, 0].tolist()
    assert np.abs(np.subtract((red, green, blue), tuple(bytes.fromhex(color[1:])))).max() <= 1


@pytest.mark.parametrize("channels", Channels)
def test_a_colour_is_opaque(channels: Channels) -> None:
    values = raster(channels).channel_values(YELLOW)
    assert len(values) == max(1, SIZES[channels])
    if channels in {Channels.GREY_ALPHA, Channels.RGBA}:
        assert values[-1] == 255


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_a_colour_has_the_depth_of_the_picture(dtype: str, white: float) -> None:
    assert raster(Channels.RGB, dtype).channel_values("#ffffff") == (white, white, white)
    assert raster(Channels.GREY, dtype).channel_values("#ffffff") == pytest.approx((white,))
